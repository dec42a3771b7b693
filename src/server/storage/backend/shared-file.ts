/** A file with several users, closed when the last of them is gone. */
import type { DiskFile } from '../../../base/ports.ts';

export class SharedFile {
  readonly file: DiskFile;
  private users = 1;

  constructor(file: DiskFile) {
    this.file = file;
  }

  use(): this {
    this.users++;
    return this;
  }

  /** Once per user. Resolves when the file is closed, if this was the last one; never rejects, as nothing was written through it. */
  async release(): Promise<void> {
    this.users--;
    if (this.users === 0) await this.file.close().catch(() => undefined);
  }
}
