/** What a command prints, together with the log lines that pass meanwhile, filtered by level. */
import type { RaftLogger } from '../../../src/raft/types.ts';

const levels: readonly string[] = ['DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL', 'NONE'];

export class Output implements RaftLogger {
  /** An index into the levels. The highest one silences the commands too. */
  level = 0;
  private text = '';

  get debugEnabled(): boolean {
    return this.level === 0;
  }

  get quiet(): boolean {
    return this.level === levels.length - 1;
  }

  /** Sets the level by its name, in any case. */
  setLevel(name: string): void {
    const level = levels.indexOf(name.toUpperCase());
    if (level < 0) throw new Error(`log levels must be either of [${levels.join(' ')}]`);
    this.level = level;
  }

  write(text: string): void {
    if (!this.quiet) this.text += text;
  }

  /** Runs `print` and indents what it prints by two spaces. */
  indented(print: () => void): void {
    const before = this.text;
    this.text = '';
    print();
    const lines = this.text.split('\n');
    if (lines.at(-1) === '') lines.pop();
    this.text = before + lines.map((line) => `  ${line}\n`).join('');
  }

  /** Returns what was printed and starts anew. */
  take(): string {
    const { text } = this;
    this.text = '';
    return text;
  }

  debug(text: string): void {
    this.log(0, text);
  }

  info(text: string): void {
    this.log(1, text);
  }

  warning(text: string): void {
    this.log(2, text);
  }

  error(text: string): void {
    this.log(3, text);
  }

  private log(level: number, text: string): void {
    if (this.level <= level) this.text += `${levels[level]} ${text}\n`;
  }
}
