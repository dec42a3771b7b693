/**
 * A disk in memory that behaves as badly as a real one may. At a crash it forgets what was not synced: any sector of a write, any
 * change of a file's length, any creation, renaming or removal whose directory was not synced, each on its own and at random.
 * The same seed and the same calls always give the same outcome.
 */
import { basename, dirname } from 'node:path';
import type { Disk, DiskFile, OpenMode, Random } from '../base/ports.ts';
import { SimDirectory } from './disk-directory.ts';
import { SimFile, sectorBytes } from './disk-file.ts';

export interface SimDiskOptions {
  /** Awaited before each operation, to let others run or simulated time pass. Default: one turn of the promise queue. */
  readonly delay?: () => Promise<void>;
  /** Makes every sync succeed without doing anything: a disk that lies, for tests that must notice it. */
  readonly ignoresSync?: boolean;
}

/** What is to happen instead of an operation. */
interface Plan {
  readonly operation: number;
  readonly outcome: { readonly type: 'crash' } | { readonly type: 'error'; readonly code: string };
}

export class SimDisk implements Disk {
  private readonly random: Random;
  private readonly options: SimDiskOptions;
  private readonly root = new SimDirectory();
  private plan: Plan | null = null;
  /** Counts crashes: files opened before the last one are dead. */
  private era = 0;
  private down = false;
  private operationCount = 0;
  private fileCount = 0;

  constructor(random: Random, options: SimDiskOptions = {}) {
    this.random = random;
    this.options = options;
  }

  /** Operations begun so far that change something or make it durable; the next one has this number. */
  get operations(): number {
    return this.operationCount;
  }

  /** The operation with this number, and all after it until `restart`, fail; the disk loses what was not synced. */
  crashAt(operation: number): void {
    this.plan = { operation, outcome: { type: 'crash' } };
  }

  /** The operation with this number fails with an error of this code, such as EIO. Half of a write may have happened. */
  failAt(operation: number, code: string): void {
    this.plan = { operation, outcome: { type: 'error', code } };
  }

  /** Loses power now. Until `restart`, every operation fails; files that are open stay dead after it. */
  crash(): void {
    this.era++;
    this.down = true;
    this.plan = null;
    this.root.crash(this.random);
  }

  restart(): void {
    this.down = false;
  }

  /** Flips one bit of a stored byte, durably: silent damage. */
  flipBit(path: string, offset: number, bit: number): void {
    this.file(path).flipBit(offset, bit);
  }

  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    if (mode !== 'create') return this.look(() => this.handle(this.file(path), mode === 'read'));
    return this.change(() => {
      const parent = this.directory(dirname(path));
      if (parent.get(basename(path)) !== null) throw osError('EEXIST', 'open', path);
      const file = new SimFile(++this.fileCount);
      parent.bind(basename(path), file);
      return this.handle(file, false);
    });
  }

  list(path: string): Promise<string[]> {
    return this.look(() => this.directory(path).names());
  }

  exists(path: string): Promise<boolean> {
    return this.look(() => this.find(path) !== null);
  }

  makeDirectory(path: string): Promise<void> {
    return this.change(() => {
      let directory = this.root;
      for (const name of path.split('/').filter((part) => part !== '')) {
        const existing = directory.get(name);
        if (existing instanceof SimFile) throw osError('EEXIST', 'mkdir', path);
        const child = existing ?? new SimDirectory();
        if (existing === null) directory.bind(name, child);
        directory = child;
      }
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.change(() => {
      const source = this.directory(dirname(from));
      const target = this.directory(dirname(to));
      const node = source.get(basename(from));
      if (node === null) throw osError('ENOENT', 'rename', from);
      const replaced = target.get(basename(to));
      if (replaced instanceof SimDirectory && replaced.names().length > 0) throw osError('ENOTEMPTY', 'rename', to);
      if (source === target) source.move(basename(from), basename(to), node);
      else {
        target.bind(basename(to), node);
        source.unbind(basename(from));
      }
    });
  }

  remove(path: string): Promise<void> {
    return this.change(() => {
      const parent = this.directory(dirname(path));
      const node = parent.get(basename(path));
      if (node === null) throw osError('ENOENT', 'unlink', path);
      if (node instanceof SimDirectory && node.names().length > 0) throw osError('ENOTEMPTY', 'rmdir', path);
      parent.unbind(basename(path));
    });
  }

  syncDirectory(path: string): Promise<void> {
    return this.change(() => {
      const directory = this.directory(path);
      if (this.options.ignoresSync !== true) directory.sync();
    });
  }

  private handle(file: SimFile, readOnly: boolean): DiskFile {
    const { era, random } = this;
    let open = true;
    const guard = () => {
      if (!open || era !== this.era) throw osError('EBADF', 'use of a closed file', '');
    };
    const readNow = (buffer: Uint8Array, position: number) => {
      this.assertUp();
      guard();
      return file.read(buffer, position);
    };
    const look = <T>(action: () => T) =>
      this.look(() => {
        guard();
        return action();
      });
    const change = (action: () => void, onFailure?: () => void) =>
      look(() => {
        if (readOnly) throw osError('EBADF', 'change of a file that is open for reading', '');
        this.perform(action, onFailure);
      });
    const sync = () => {
      const action = () => {
        if (this.options.ignoresSync !== true) file.sync();
      };
      return change(action, () => file.loseUnsynced(random));
    };
    return {
      read: (buffer, position) => look(() => file.read(buffer, position)),
      readNow,
      writev: (buffers, position) => {
        const bytes = Buffer.concat(buffers);
        const part = () => bytes.subarray(0, wholeSectors(random, position, bytes.length));
        return change(
          () => file.write(bytes, position),
          () => file.write(part(), position),
        );
      },
      // Every write passes through `change`, where crashes happen.
      writeNow: () => false,
      datasync: sync,
      sync,
      truncate: (length) => change(() => file.truncate(length)),
      size: () => look(() => file.length),
      identity: () => look(() => String(file.number)),
      async close() {
        guard();
        open = false;
      },
    };
  }

  /** Every operation that only looks passes here. */
  private async look<T>(action: () => T): Promise<T> {
    await (this.options.delay?.() ?? Promise.resolve());
    this.assertUp();
    return action();
  }

  private assertUp(): void {
    if (this.down) throw osError('EIO', 'the machine is down', '');
  }

  private change<T>(action: () => T): Promise<T> {
    return this.look(() => this.perform(action));
  }

  /** Every operation that changes something passes here. If it is to fail, `onFailure` happens instead of `action`. */
  private perform<T>(action: () => T, onFailure: () => void = () => undefined): T {
    const number = this.operationCount++;
    const { plan } = this;
    if (plan === null || plan.operation !== number) return action();
    this.plan = null;
    onFailure();
    if (plan.outcome.type === 'error') throw osError(plan.outcome.code, 'injected failure', '');
    this.crash();
    throw osError('EIO', 'the machine went down', '');
  }

  private directory(path: string): SimDirectory {
    const node = this.find(path);
    if (node === null) throw osError('ENOENT', 'open directory', path);
    if (node instanceof SimFile) throw osError('ENOTDIR', 'open directory', path);
    return node;
  }

  private file(path: string): SimFile {
    const node = this.find(path);
    if (node === null) throw osError('ENOENT', 'open', path);
    if (node instanceof SimDirectory) throw osError('EISDIR', 'open', path);
    return node;
  }

  private find(path: string): SimFile | SimDirectory | null {
    let node: SimFile | SimDirectory | null = this.root;
    for (const name of path.split('/').filter((part) => part !== '')) {
      if (!(node instanceof SimDirectory)) return null;
      node = node.get(name);
    }
    return node;
  }
}

/** How much of a write was done when it failed: up to some sector's end, for kernels and disks stop nowhere else. */
function wholeSectors(random: Random, position: number, bytes: number): number {
  const end = position + random.below(bytes + 1);
  return Math.max(0, end - (end % sectorBytes) - position);
}

function osError(code: string, what: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${what}${path === '' ? '' : ` '${path}'`}`), { code });
}
