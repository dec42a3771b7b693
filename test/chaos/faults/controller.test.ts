import { describe, expect, it } from 'vitest';
import type { Result } from '../../../src/base/result.ts';
import { err, ok } from '../../../src/base/result.ts';
import { AllLinks } from '../../../src/chaos/faults/all-links.ts';
import { FaultController } from '../../../src/chaos/faults/controller.ts';
import type { LinkBackend, LinkObservation, LinkRule } from '../../../src/chaos/faults/link-backend.ts';
import type { DiskRule } from '../../../src/chaos/faults/plan.ts';
import type { FaultProcess, FaultProcesses } from '../../../src/chaos/faults/processes.ts';
import type { RunEvent } from '../../../src/supervisor/observe/model.ts';

interface Mutable {
  state: FaultProcess['state'];
  paused: boolean;
  starts: number;
}

class FakeProcesses implements FaultProcesses {
  readonly by = new Map<string, Mutable>();
  readonly calls: string[] = [];
  onChange: () => void = () => {};

  constructor(names: readonly string[]) {
    for (const name of names) this.by.set(name, { state: 'running', paused: false, starts: 1 });
  }

  private change(name: string, changes: Partial<Mutable>): void {
    this.by.set(name, { ...this.of(name), ...changes });
    this.onChange();
  }

  of(name: string): Mutable {
    const found = this.by.get(name);
    if (found === undefined) throw new Error(`no ${name}`);
    return found;
  }

  all(): readonly FaultProcess[] {
    return [...this.by].map(([name, { state, paused, starts }]) => ({
      name,
      state,
      paused,
      starts,
      isSuspended: () => paused,
      isEtcd: true,
      endpoint: null,
      adminSocket: null,
    }));
  }

  async kill(name: string): Promise<void> {
    this.calls.push(`kill ${name}`);
    this.change(name, { state: 'stopped' });
  }

  async control(command: 'start' | 'stop' | 'restart', name: string): Promise<string | null> {
    this.calls.push(`${command} ${name}`);
    const { starts } = this.of(name);
    this.change(
      name,
      command === 'stop' ? { state: 'stopped' } : { state: 'running', starts: starts + 1, paused: false },
    );
    return null;
  }

  pause(name: string): void {
    this.calls.push(`pause ${name}`);
    this.change(name, { paused: true });
  }

  resume(name: string): void {
    this.calls.push(`resume ${name}`);
    this.change(name, { paused: false });
  }

  note(name: string, text: string): void {
    this.calls.push(`note ${name}: ${text}`);
  }
}

class FakeLinks implements LinkBackend {
  rules: readonly LinkRule[] = [];
  /** Nothing passes that could be hit, if false. */
  bites = true;
  failure: string | null = null;
  readonly unsupportedNames = new Set<string>();
  private looks = 0;

  unsupported(name: string): string | null {
    return this.unsupportedNames.has(name) ? `${name} cannot be faulted: do this` : null;
  }

  async setLinks(rules: readonly LinkRule[]): Promise<Result<void, string>> {
    if (this.failure !== null && rules.length > 0) return err(this.failure);
    this.rules = rules;
    return ok(undefined);
  }

  async observed(): Promise<readonly LinkObservation[]> {
    this.looks++;
    return this.rules.map(({ from, to }) => ({ from, to, passed: 0, hit: this.bites ? this.looks : 0 }));
  }
}

function setUp(names: readonly string[] = ['a', 'b', 'c']) {
  const processes = new FakeProcesses(names);
  const links = new FakeLinks();
  const disks = new Map<string, DiskRule>();
  const events: RunEvent[] = [];
  let moved: Result<void, string> = ok(undefined);
  const faults = new FaultController({
    processes,
    links,
    disks: {
      setDisk: async (name, rule) => {
        if (rule === null) disks.delete(name);
        else disks.set(name, rule);
        return ok(undefined);
      },
      syncsHit: async (name) => (disks.has(name) ? 5 : 0),
    },
    views: async () =>
      processes.all().map(({ name, state, paused }) => ({
        name,
        state,
        paused,
        member: { cluster: 'c', leads: name === 'a' },
      })),
    moveLeader: async () => moved,
    random: { below: () => 0 },
    now: () => Date.now(),
    onEvent: (event) => events.push(event),
  });
  processes.onChange = () => faults.look();
  const told = () =>
    events.map((event) =>
      'id' in event ? `${event.type} ${event.id}` : `${event.type} ${'fault' in event ? event.fault.id : ''}`,
    );
  const refuse = (reason: string) => {
    moved = err(reason);
  };
  return { processes, links, disks, faults, told, events, refuse };
}

async function text(faults: FaultController, line: string): Promise<string> {
  const done = await faults.obey(line.split(' '));
  return done.ok ? done.value.text : `refused: ${done.error}`;
}

describe('a fault', () => {
  it('is told of when it is injected, when it is seen to bite, and when it is healed', async () => {
    const { faults, links, told, processes } = setUp();
    expect(await text(faults, 'partition --isolate leader')).toMatch(/^f1: a is cut off from b, c \(after \d+ ms\)$/);
    expect(links.rules.map(({ from, to, cut }) => `${from}>${to} ${cut}`)).toEqual([
      'a>b true',
      'a>c true',
      'b>a true',
      'c>a true',
    ]);
    expect(faults.faults()).toMatchObject([{ id: 'f1', command: 'partition --isolate a', targets: ['a'] }]);
    expect(await text(faults, 'list')).toBe('f1: a is cut off from b, c');
    expect(await text(faults, 'heal f1')).toBe('f1 healed: a is cut off from b, c');
    expect([links.rules, faults.faults()]).toEqual([[], []]);
    expect(told()).toEqual(['fault-injected f1', 'fault-effective f1', 'fault-healed f1']);
    expect(processes.calls).toEqual(['note a: fault f1: a is cut off from b, c', 'note a: fault f1: healed']);
  });

  it('that somebody else heals meanwhile is said to be gone', async () => {
    const { faults, links, told } = setUp();
    links.bites = false;
    const said = text(faults, 'partition --link a>b');
    while (told().length < 1) await new Promise((done) => setTimeout(done, 5));
    expect(await text(faults, 'heal --all')).toBe('f1 healed: cut: a to b');
    expect(await said).toBe('f1: cut: a to b (healed by another order before it was seen to take effect)');
  });

  it('that nothing meets is said not to be seen yet, and told of when it bites', async () => {
    const { faults, links, told } = setUp();
    links.bites = false;
    const said = text(faults, 'partition --link a>b');
    expect(await said).toBe('f1: cut: a to b (not seen to take effect yet: nothing has passed there since)');
    expect(told()).toEqual(['fault-injected f1']);
    links.bites = true;
    while (told().length < 2) await new Promise((done) => setTimeout(done, 5));
    expect(told()[1]).toBe('fault-effective f1');
    await faults.close();
  });

  it('that cannot be carried out leaves nothing behind', async () => {
    const { faults, links, told } = setUp();
    links.failure = 'b did not confirm within 1 s';
    expect(await text(faults, 'partition --isolate a')).toBe('refused: b did not confirm within 1 s');
    expect([faults.faults(), links.rules, told()]).toEqual([[], [], []]);
  });

  it('on links that nobody can put one on is refused with what to do', async () => {
    const { faults, links } = setUp();
    links.unsupportedNames.add('b').add('c');
    expect(await text(faults, 'partition --link b=c')).toBe('refused: b cannot be faulted: do this');
    expect(await text(faults, 'partition --link a=b')).toContain('f1: ');
    expect(await text(faults, 'partition --ring --messages MsgApp')).toBe(
      'refused: a ring needs four members or more: in a smaller one everybody is a neighbour',
    );
    expect(await text(faults, 'loss 5% --messages MsgApp')).toBe(
      'refused: only bundled members tell types of messages apart: leave out --messages, or use --etcd bundled',
    );
    await faults.close();
  });

  it('of a process is undone by a start, and ends when somebody else undoes it', async () => {
    const { faults, processes, told } = setUp();
    await text(faults, 'kill a');
    await text(faults, 'stop b');
    await text(faults, 'pause c');
    expect(faults.faults().map(({ command }) => command)).toEqual(['kill a', 'stop b', 'pause c']);
    await processes.control('start', 'a');
    await processes.control('restart', 'c');
    expect(faults.faults().map(({ command }) => command)).toEqual(['stop b']);
    await text(faults, 'heal --all');
    expect(processes.of('b').state).toBe('running');
    expect(processes.calls.filter((call) => call.startsWith('start'))).toEqual(['start a', 'start b']);
    expect(told().filter((line) => line.startsWith('fault-healed'))).toEqual([
      'fault-healed f1',
      'fault-healed f3',
      'fault-healed f2',
    ]);
  });

  it('that is over as soon as it is done needs no healing', async () => {
    const { faults, told, refuse } = setUp();
    expect(await text(faults, 'move-leader')).toMatch(/^f1: a hands leadership to b \(after \d+ ms\)$/);
    expect(await text(faults, 'restart c')).toMatch(/^f2: c is restarted/);
    refuse('timed out');
    expect(await text(faults, 'move-leader c')).toBe('refused: timed out');
    expect(faults.faults()).toEqual([]);
    expect(told()).toEqual([
      'fault-injected f1',
      'fault-effective f1',
      'fault-healed f1',
      'fault-injected f2',
      'fault-effective f2',
      'fault-healed f2',
      'fault-injected f3',
      'fault-healed f3',
    ]);
  });
});

describe('several faults', () => {
  it('hold together; healing one, in any order and more than once, leaves the others', async () => {
    const { faults, links, disks } = setUp();
    await text(faults, 'delay 50ms --link a>b');
    await text(faults, 'delay 20ms --link a=b');
    await text(faults, 'disk a --slow 100ms');
    await text(faults, 'disk a --slow 1s --fail EIO');
    const rule = (from: string) => links.rules.find((one) => one.from === from);
    expect([rule('a')?.delayMs, rule('b')?.delayMs, disks.get('a')]).toEqual([70, 20, { slowMs: 1_100, error: 'EIO' }]);
    expect(await text(faults, 'heal f1 f4 f1')).toContain('f4 healed: syncs of a take 1s longer and fail with EIO');
    expect([rule('a')?.delayMs, rule('b')?.delayMs, disks.get('a')]).toEqual([20, 20, { slowMs: 100, error: null }]);
    expect(await text(faults, 'heal f1')).toBe('f1 was healed already');
    expect(await text(faults, 'heal f9')).toBe('refused: there is no fault f9 (active: f2, f3)');
    await text(faults, 'heal --all');
    expect([links.rules, disks.size, await text(faults, 'heal --all')]).toEqual([[], 0, 'no fault is active']);
  });

  it('are all healed at the end, but what is down stays down; then nothing more is done', async () => {
    const { faults, links, processes } = setUp();
    await text(faults, 'partition --isolate a');
    await text(faults, 'pause b');
    await text(faults, 'kill c');
    await Promise.all([faults.close(), faults.close()]);
    expect([links.rules, faults.faults()]).toEqual([[], []]);
    expect([processes.of('b').paused, processes.of('c').state]).toEqual([false, 'stopped']);
    expect(await text(faults, 'kill a')).toBe('refused: everything is being stopped already');
  });
});

describe('a run with members of both kinds', () => {
  it('puts rules on the bundled end of a link, and others on the fabric', async () => {
    const [own, fabric] = [new FakeLinks(), new FakeLinks()];
    own.unsupportedNames.add('real1').add('real2');
    const all = new AllLinks(own, fabric);
    const rule = (from: string, to: string): LinkRule => ({
      from,
      to,
      cut: true,
      mode: 'hold',
      delayMs: 0,
      jitterMs: 0,
      loss: 0,
    });
    await all.setLinks([rule('a', 'real1'), rule('real1', 'a'), rule('real1', 'real2')]);
    expect(own.rules.map(({ from, to }) => `${from}>${to}`)).toEqual(['a>real1', 'real1>a']);
    expect(fabric.rules.map(({ from, to }) => `${from}>${to}`)).toEqual(['real1>real2']);
    expect((await all.observed()).map(({ from, to }) => `${from}>${to}`)).toEqual([
      'a>real1',
      'real1>a',
      'real1>real2',
    ]);
    const typed = { ...rule('real1', 'real2'), messages: ['MsgApp'] };
    expect(await all.setLinks([typed])).toMatchObject({ ok: false });
    fabric.unsupportedNames.add('real2');
    expect([all.unsupported('a'), all.unsupported('real2')]).toEqual([null, 'real2 cannot be faulted: do this']);
  });
});
