/** Faults of a run as its supervisor has it: who is there, who leads, and what carries faults to whom. */
import { randomInt } from 'node:crypto';
import { err, type Result } from '../../base/result.ts';
import type { MemberFacts, Observation, RunEvent } from '../../supervisor/observe/model.ts';
import type { Observer } from '../../supervisor/observe/observer.ts';
import type { SupervisedProcess } from '../../supervisor/process.ts';
import { isGroupSuspended } from '../../supervisor/process-scan.ts';
import type { Supervisor } from '../../supervisor/supervisor.ts';
import { AdminBackend } from './admin-backend.ts';
import { AllLinks } from './all-links.ts';
import { FaultController } from './controller.ts';
import type { LinkBackend } from './link-backend.ts';
import type { FaultProcess, FaultProcesses } from './processes.ts';
import type { ProcessView } from './view.ts';

/** Who leads is known by logs and pushes; one that is paused or cut off does not say more however long it is waited for. */
const viewPatienceMs = 300;
/** A transfer takes an election time-out at most; etcd answers sooner, whatever comes of it. */
const moveTimeoutMs = 10_000;

export interface RunFaultsOptions {
  readonly supervisor: Supervisor;
  /** Knows of etcds that are not bundled who they are and who leads. */
  readonly observer: Pick<Observer, 'look' | 'observation'>;
  /** For links between members that are not bundled. */
  readonly fabric: LinkBackend;
  readonly onEvent: (event: RunEvent) => void;
}

export function newRunFaults({ supervisor, observer, fabric, onEvent }: RunFaultsOptions): FaultController {
  const processes = new SupervisedFaultProcesses(supervisor);
  const factsOf = async () => factsIn(await observer.look(viewPatienceMs));
  const admin = new AdminBackend(processes, async () => {
    const facts = [...(await factsOf())];
    return new Map(facts.flatMap(([name, { memberId }]) => (memberId === null ? [] : [[name, memberId] as const])));
  });
  return new FaultController({
    processes,
    views: () => viewsOf(processes, admin, observer),
    links: new AllLinks(admin, fabric),
    disks: admin,
    moveLeader: (from, to) => moveLeadership(from, to, processes, admin, factsOf),
    random: { below: (bound) => randomInt(bound) },
    now: () => Date.now(),
    onEvent,
  });
}

function factsIn({ processes }: Observation): ReadonlyMap<string, MemberFacts> {
  return new Map(processes.flatMap(({ name, member }) => (member === null ? [] : [[name, member] as const])));
}

interface Standing {
  readonly cluster: string;
  readonly term: number;
  readonly leads: boolean;
}

/** Bundled members are asked themselves, now; what others last said the observer knows. */
async function viewsOf(
  processes: FaultProcesses,
  admin: AdminBackend,
  observer: RunFaultsOptions['observer'],
): Promise<readonly ProcessView[]> {
  const all = processes.all();
  const hasOthers = all.some(({ isEtcd, adminSocket }) => isEtcd && adminSocket === null);
  const facts = factsIn(hasOthers ? await observer.look(viewPatienceMs) : observer.observation());
  const standings = new Map<string, Standing>();
  await Promise.all(
    all.map(async ({ name, isEtcd, adminSocket }) => {
      if (!isEtcd) return;
      const standing = adminSocket === null ? standingOf(facts.get(name)) : await admin.standing(name);
      if (standing !== null) standings.set(name, standing);
    }),
  );
  return all.map(({ name, state, paused, isEtcd }) => {
    const standing = standings.get(name);
    // One that is paused or still starting says nothing, but may have done so before.
    const cluster = standing?.cluster ?? facts.get(name)?.clusterId ?? null;
    const member = { cluster, leads: leads(standing, [...standings.values()]) };
    return { name, state, paused, member: isEtcd ? member : null };
  });
}

function standingOf(facts: MemberFacts | undefined): Standing | null {
  if (facts === undefined || facts.clusterId === null) return null;
  return { cluster: facts.clusterId, term: facts.term ?? 0, leads: facts.role === 'leader' };
}

/** An old leader that has not heard of the new one does not count. */
function leads(standing: Standing | undefined, all: readonly Standing[]): boolean {
  if (standing === undefined || !standing.leads) return false;
  return !all.some((one) => one.cluster === standing.cluster && one.leads && one.term > standing.term);
}

async function moveLeadership(
  from: string,
  to: string,
  processes: FaultProcesses,
  admin: AdminBackend,
  factsOf: () => Promise<ReadonlyMap<string, MemberFacts>>,
): Promise<Result<void, string>> {
  const leader = processes.all().find(({ name }) => name === from);
  if (leader?.adminSocket != null) return admin.moveLeader(from, to);
  const heir = (await factsOf()).get(to)?.memberId ?? null;
  if (leader?.endpoint == null || heir === null) return err(`${heir === null ? to : from} does not say who it is`);
  const { moveLeader } = await import('../../client/move-leader.ts');
  return moveLeader(leader.endpoint, heir, moveTimeoutMs);
}

class SupervisedFaultProcesses implements FaultProcesses {
  readonly #supervisor: Supervisor;

  constructor(supervisor: Supervisor) {
    this.#supervisor = supervisor;
  }

  all(): readonly FaultProcess[] {
    return this.#supervisor.processes.map((process) => ({
      name: process.spec.name,
      state: process.state.type === 'running' ? 'running' : process.over ? 'stopped' : 'changing',
      paused: process.paused,
      isSuspended: () => isGroupSuspended(process.pid),
      starts: process.starts,
      isEtcd: process.spec.endpoint !== null,
      endpoint: process.spec.endpoint,
      adminSocket: process.spec.adminSocket,
    }));
  }

  async kill(name: string): Promise<void> {
    const process = this.#find(name);
    process?.kill();
    await process?.until(() => process.over);
  }

  async control(command: 'start' | 'stop' | 'restart', name: string): Promise<string | null> {
    const done = await this.#supervisor.obey({ command, names: [name] });
    return done.ok ? null : done.error;
  }

  pause(name: string): void {
    this.#find(name)?.pause();
  }

  resume(name: string): void {
    this.#find(name)?.resume();
  }

  note(name: string, text: string): void {
    this.#find(name)?.note(text);
  }

  #find(name: string): SupervisedProcess | undefined {
    return this.#supervisor.processes.find(({ spec }) => spec.name === name);
  }
}
