/** The remote control of a run: a private socket, and a loopback port if that is asked for. */

import type { FaultController } from '../chaos/faults/controller.ts';
import { controlFolder, socketPath, sourceText } from '../supervisor/control-path.ts';
import type { RunStatus } from '../supervisor/control-protocol.ts';
import type { Handler } from '../supervisor/control-server.ts';
import { ControlServer } from '../supervisor/control-server.ts';
import { readOrMakeToken } from '../supervisor/control-token.ts';
import type { LogMux } from '../supervisor/log-mux.ts';
import type { Observer } from '../supervisor/observe/observer.ts';
import type { Supervisor } from '../supervisor/supervisor.ts';
import { sourceOf, tokenFileOf } from './control-target.ts';
import type { RunRequest } from './planned-specs.ts';
import { complain } from './read-procfile.ts';

export interface RunControl {
  close(): Promise<void>;
}

/** Says why there is no control where there should be: the processes run all the same. `history` is the folder of the logs. */
export async function openControl(
  supervisor: Supervisor,
  observer: Observer,
  faults: FaultController,
  mux: LogMux,
  request: RunRequest,
  history: string | null,
): Promise<RunControl> {
  const handler = handlerOf(supervisor, observer, faults, mux, request, history);
  const servers: ControlServer[] = [];
  try {
    if (request.options['rpc-server']) servers.push(...(await onSocket(request, handler)));
    if (request.options['control-tcp'] !== null)
      servers.push(await onPort(request, request.options['control-tcp'], handler));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    complain(`warning: no remote control: ${reason} (--control=false says that you need none)`);
  }
  return {
    close: async () => {
      await Promise.all(servers.map((server) => server.close()));
    },
  };
}

function handlerOf(
  supervisor: Supervisor,
  observer: Observer,
  faults: FaultController,
  mux: LogMux,
  { options, given }: RunRequest,
  history: string | null,
): Handler {
  const startedAt = new Date();
  const source = sourceText(sourceOf(options, given));
  const status = (): RunStatus => ({
    version: 1,
    pid: process.pid,
    source,
    startedAt: startedAt.toISOString(),
    history,
    faults: faults.faults(),
    processes: supervisor.processes.map((one) => one.status(new Date())),
  });
  return {
    answer: async (request) => {
      if (request.command === 'events' || request.command === 'lines') return { ok: true, status: status() };
      if (request.command === 'observation') {
        const observation = await observer.look();
        return { ok: true, status: status(), observation };
      }
      if (request.command === 'fault') {
        const fault = await faults.obey(request.words);
        return fault.ok ? { ok: true, status: status(), fault: fault.value } : { ok: false, error: fault.error };
      }
      const done = await supervisor.obey(request);
      return done.ok ? { ok: true, status: status() } : { ok: false, error: done.error };
    },
    follow: (sinceMs, hear) => {
      const past = sinceMs === null ? [] : observer.observation().events.filter((event) => event.atMs >= sinceMs);
      for (const event of past) hear(event);
      return observer.follow(hear);
    },
    lines: (names, hear) => {
      const isWanted = (name: string) => {
        const entry = supervisor.processes.find((one) => one.spec.name === name)?.spec.entry ?? name;
        return names.length === 0 || names.includes(name) || names.includes(entry);
      };
      return mux.tap((name, records) => {
        if (isWanted(name)) hear(records);
      });
    },
  };
}

/** None, after saying so, if another supervisor of the same source lives. */
async function onSocket({ options, given }: RunRequest, handler: Handler): Promise<ControlServer[]> {
  const folder = controlFolder();
  if (!folder.ok) throw new Error(folder.error);
  const source = sourceOf(options, given);
  const listening = await ControlServer.listen(socketPath(folder.value, source), handler);
  if (listening.type === 'listening') return [listening.server];
  const { pid, startedAt: since } = listening.by;
  complain(
    `warning: ${sourceText(source)} is run by process ${pid} already, since ${since}; \`run\` commands go there`,
  );
  return [];
}

async function onPort(
  { options, given }: RunRequest,
  { host, port }: { readonly host: string; readonly port: number },
  handler: Handler,
): Promise<ControlServer> {
  const file = tokenFileOf(options, given);
  const token = file.ok ? readOrMakeToken(file.value) : file;
  if (!token.ok) throw new Error(token.error);
  const server = await ControlServer.listenTcp(host, port, token.value, handler);
  const shown = host.includes(':') ? `[${host}]` : host;
  complain(`control at --control-tcp ${shown}:${server.port} --control-token-file ${file.ok ? file.value : ''}`);
  return server;
}
