/**
 * A small shell that outlives the supervisor by a moment: when the supervisor dies without a word (kill -9, out of memory), it
 * kills everything that the supervisor ran. It learns of the death from the end of its standard input. Outside of Linux, where it
 * finds process groups only, a record of the run lets the next one end the rest.
 */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { controlFolder } from './control-path.ts';
import { RunRecord } from './run-record.ts';
import { within } from './within.ts';

/**
 * Input: `+ID` for a group that started, `+sNUMBER` for a socket that is its output, the same with `-` for those that are over,
 * `bye` before an orderly end. After the end of input without `bye`: kills the groups, then all processes that carry the run's tag
 * or have one of the outputs (Linux), looking again until twice nothing was there: some may have been forked meanwhile.
 */
const script = `trap '' INT TERM HUP
known=' '
while read -r line; do
  case $line in
    +*) known="$known\${line#+} " ;;
    -*) case $known in *" \${line#-} "*) known="\${known%% \${line#-} *} \${known#* \${line#-} }" ;; esac ;;
    bye) exit 0 ;;
  esac
done
outputs=
for one in $known; do
  case $one in
    s*) outputs="$outputs\${outputs:+
}socket:[\${one#s}]" ;;
    *) kill -s KILL -- "-$one" ;;
  esac
done
round=0
empty=0
while [ $round -lt 10 ] && [ $empty -lt 2 ] && [ -d /proc/self ]; do
  found=$(grep -lsF "$1" /proc/[0-9]*/environ
    [ -z "$outputs" ] || ls -ln /proc/[0-9]*/fd/[12] 2>/dev/null | grep -F "$outputs" | sed 's/ -> .*//; s/.* //')
  empty=$((empty + 1))
  [ -z "$found" ] || empty=0
  for file in $found; do
    pid=\${file#/proc/}
    kill -s KILL "\${pid%%/*}"
  done
  round=$((round + 1))
done
`;

/** After so long a guard that does not end, as one that somebody has suspended, is killed; and after as long again, left. */
const farewellMs = 1_000;

export class Guard {
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #record: RunRecord | null;
  /** What it has been told of each group. */
  readonly #items = new Map<number, readonly string[]>();
  /** Lines that have not been sent. */
  #untold = '';

  /** `runTag` is the beginning of the tags of all instances of the run. */
  constructor(runTag: string) {
    const folder = process.platform === 'linux' ? null : controlFolder();
    this.#record = folder?.ok === true ? new RunRecord(folder.value, runTag) : null;
    this.#child = spawn('/bin/sh', ['-c', script, 'clusterctl-guard', runTag], {
      cwd: '/',
      // Nothing that marks the run, or it would find itself.
      env: { PATH: process.env['PATH'] },
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    this.#exited = new Promise((resolve) => {
      this.#child.once('exit', () => resolve());
      this.#child.once('error', () => resolve()); // no shell, no guard: then no process can be started either
    });
    this.#child.stdin?.on('error', () => {}); // somebody killed the guard: the supervisor goes on without
    this.#child.unref();
  }

  /** `outputs` as `outputsOf` gives them. */
  groupStarted(groupId: number, outputs: readonly string[]): void {
    const items = [String(groupId), ...new Set(outputs.map((output) => `s${/\d+/.exec(output)?.[0] ?? ''}`))];
    this.#items.set(groupId, items);
    for (const item of items) this.#note(`+${item}`);
    this.#record?.groupStarted(groupId);
  }

  groupOver(groupId: number): void {
    for (const item of this.#items.get(groupId) ?? []) this.#note(`-${item}`);
    this.#items.delete(groupId);
    this.#record?.groupOver(groupId);
  }

  /** To be called when nothing of the run is alive any more. Takes two seconds at most. */
  async close(): Promise<void> {
    this.#child.ref();
    this.#note('bye');
    this.#tell();
    this.#child.stdin?.end();
    const killing = setTimeout(() => this.#child.kill('SIGKILL'), farewellMs);
    await within(Promise.all([this.#exited, this.#record?.close()]), 2 * farewellMs);
    clearTimeout(killing);
  }

  /**
   * A hundred starts, one after the other, are one message. It is sent before anything of them can be heard: later, and the supervisor
   * may be gone before. Where the tags do not show what the guard does not know yet, it is told at once.
   */
  #note(line: string): void {
    if (this.#untold === '' && process.platform === 'linux') queueMicrotask(() => this.#tell());
    this.#untold += `${line}\n`;
    if (process.platform !== 'linux') this.#tell();
  }

  #tell(): void {
    if (this.#untold !== '' && this.#child.stdin?.writable === true) this.#child.stdin.write(this.#untold);
    this.#untold = '';
  }
}
