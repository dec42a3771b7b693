/** The screen of a run: lines on standard output, or the dashboard, with the lines held back until it closes. */
import { isAbsolute, relative } from 'node:path';
import { durationText } from '../supervisor/observe/event-text.ts';
import type { Observer } from '../supervisor/observe/observer.ts';
import type { Output } from '../supervisor/output.ts';
import { standardOutput, terminalErrors } from '../supervisor/output.ts';
import type { Supervisor } from '../supervisor/supervisor.ts';
import type { FaultOrders } from './dashboard-actions.ts';
import { actOn } from './dashboard-actions.ts';
import type { DashboardSettings } from './dashboard-settings.ts';
import { complain } from './read-procfile.ts';

/** Lines of the log that are left on the screen when the dashboard closes. */
const linesLeft = 10;
/** Of what is said on stderr meanwhile, for afterwards. */
const saidMax = 100;

export interface ScreenOf {
  readonly supervisor: Supervisor;
  readonly observer: Observer;
  readonly faults: FaultOrders;
  readonly title: string;
  /** The folder of the logs; null if none is kept. */
  readonly history: string | null;
  /** Each time the user wants to quit. */
  onQuit(): void;
}

export interface RunScreen {
  /** Where lines of processes go. */
  readonly output: Output;
  /** Shows the run from now on. Resolves when it does, or cannot. */
  open(run: ScreenOf): Promise<void>;
  /** Gives the terminal back; lines go to standard output from now on. */
  close(): void;
  /** Resolves when what was said on standard error is there, or the terminal has taken nothing for so long. */
  flush(patienceMs: number): Promise<void>;
}

/** Nothing but lines. What is said on standard error does not wait either for a terminal that is held with Ctrl-S. */
export function lineScreen(): RunScreen {
  const errors = terminalErrors();
  if (errors !== null) divertErrors((text) => errors.write(Buffer.from(text)));
  return {
    output: standardOutput(),
    open: async () => {},
    close: () => {},
    flush: async (patienceMs) => {
      await errors?.flush(patienceMs);
    },
  };
}

export async function dashboardScreen(settings: DashboardSettings): Promise<RunScreen> {
  const { HeldOutput } = await import('../supervisor/held-output.ts');
  const held = new HeldOutput(linesLeft);
  const errors = new HeldErrors();
  let dashboard: { close(): void; say(text: string): void } | null = null;
  let summary: () => string | null = () => null;
  let closed = false;
  const close = () => {
    if (closed) return;
    closed = true;
    dashboard?.close();
    dashboard = null;
    held.release();
    const text = summary();
    if (text !== null) errors.add(text);
    // After the lines: they take a turn to be written.
    void held.output.flush(1_000).then(() => errors.release());
  };
  return {
    output: held.output,
    close,
    flush: async () => {}, // Node writes it, once the terminal is free
    async open({ supervisor, observer, faults, title, history, onQuit }) {
      let ui: typeof import('../ui/open.ts');
      try {
        ui = await import('../ui/open.ts');
      } catch (error) {
        complain(`no dashboard, lines instead: ${error instanceof Error ? error.message : String(error)}`);
        close();
        return;
      }
      if (closed) return;
      // What was said before stands above the dashboard.
      errors.hold((text) => dashboard?.say(text));
      summary = () => summaryOf(observer);
      dashboard = ui.openDashboard({
        source: {
          title: nearby(title),
          observation: () => observer.observation(),
          subscribe: (listener) => observer.subscribe(listener),
          history: history === null ? null : { folder: history },
          act: (action) => actOn(supervisor, faults, action),
        },
        keymap: settings.keymap,
        theme: settings.theme,
        input: process.stdin,
        output: process.stdout,
        environment: process.env,
        offsetMinutes: -new Date().getTimezoneOffset(),
        onQuit,
        onFailed: (error) => {
          dashboard = null;
          const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
          errors.add(
            `clusterctl: the dashboard has closed itself (a bug: please report it); the run goes on\n${why}\n`,
          );
          close();
        },
      });
    },
  };
}

/** A path below the working folder is named from there. */
function nearby(title: string): string {
  const path = relative(process.cwd(), title);
  return isAbsolute(title) && !path.startsWith('..') && path !== '' ? path : title;
}

/** What there was to see, in one line; null if nobody ever led. */
function summaryOf(observer: Observer): string | null {
  const { events, startedMs } = observer.observation();
  const changes = events.filter((event) => event.type === 'leader-changed');
  if (changes.length === 0) return null;
  const gaps = changes.flatMap((event) => (event.downtimeMs === null ? [] : [event.downtimeMs]));
  const faults = events.filter((event) => event.type === 'fault-injected').length;
  const parts = [`ran ${durationText(Date.now() - startedMs)}`];
  parts.push(`${changes.length} ${changes.length === 1 ? 'leadership' : 'leaderships'}`);
  if (gaps.length > 0) parts.push(`at most ${durationText(Math.max(...gaps))} without a leader`);
  if (faults > 0) parts.push(`${faults} ${faults === 1 ? 'fault' : 'faults'}`);
  return `clusterctl: ${parts.join(', ')}; clusterctl logs shows what was said\n`;
}

/** Lets `hear` have what would be written to standard error. */
function divertErrors(hear: (text: string) => void): void {
  process.stderr.write = (chunk: string | Uint8Array, encoding?: unknown, callback?: unknown) => {
    hear(typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString());
    for (const done of [encoding, callback]) if (typeof done === 'function') process.nextTick(done);
    return true;
  };
}

/** Standard error while the dashboard has the terminal: shown in it, and said again when it is gone. */
class HeldErrors {
  readonly #write = process.stderr.write;
  #said: string[] = [];

  hold(show: (text: string) => void): void {
    divertErrors((text) => {
      this.add(text);
      show(text.replace(/^clusterctl: /, '').trimEnd());
    });
  }

  add(text: string): void {
    if (this.#said.length < saidMax) this.#said.push(text);
  }

  release(): void {
    process.stderr.write = this.#write;
    for (const text of this.#said.splice(0)) process.stderr.write(text);
  }
}
