/**
 * The Disk port over node:fs. Every operation runs in libuv's thread pool, so that a slow disk delays only those who wait for it.
 * libuv repeats calls that a signal interrupted; short writes are repeated here.
 */
import * as fs from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Disk, DiskFile, OpenMode } from '../../base/ports.ts';
import { errorCode } from './os-error.ts';

export const nodeDisk: Disk = {
  async open(file, mode) {
    return new NodeFile(await openFd(file, flags(mode)));
  },
  async list(directory) {
    return (await fs.promises.readdir(directory)).sort();
  },
  async exists(file) {
    try {
      await fs.promises.stat(file);
      return true;
    } catch (error) {
      if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return false;
      throw error;
    }
  },
  makeDirectory(directory) {
    return makeDirectories(resolve(directory));
  },
  rename(from, to) {
    return fs.promises.rename(from, to);
  },
  async remove(file) {
    const isDirectory = (await fs.promises.lstat(file)).isDirectory();
    await (isDirectory ? fs.promises.rmdir(file) : fs.promises.unlink(file));
  },
  async syncDirectory(directory) {
    const fd = await openFd(directory, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
    try {
      await call((done) => fs.fsync(fd, done));
    } finally {
      await call((done) => fs.close(fd, done));
    }
  },
};

/** mkdir -p. Node's own never ends where a directory exists but its file system refuses children with ENOENT, as /proc does. */
async function makeDirectories(directory: string): Promise<void> {
  const parent = dirname(directory);
  try {
    await makeOneDirectory(directory);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT' || parent === directory || (await nodeDisk.exists(parent))) throw error;
    await makeDirectories(parent);
    await makeOneDirectory(directory);
  }
}

async function makeOneDirectory(directory: string): Promise<void> {
  try {
    await fs.promises.mkdir(directory, { mode: 0o700 });
  } catch (error) {
    const there = errorCode(error) === 'EEXIST' ? await fs.promises.stat(directory) : null;
    if (there === null || !there.isDirectory()) throw error;
  }
}

/**
 * Up to here a write into the page cache takes less time than the two switches to a thread of the pool and back (some 10 µs against
 * 50 to 130 µs measured), and all of it is saved latency for a lone client.
 */
const writeNowBytesMax = 64 * 1024;

/** An open descriptor. The callback API of node:fs is used because it costs half of what FileHandle does per call. */
class NodeFile implements DiskFile {
  private readonly fd: number;

  constructor(fd: number) {
    this.fd = fd;
  }

  async read(buffer: Uint8Array, position: number): Promise<number> {
    let total = 0;
    while (total < buffer.length) {
      const count = await readSome(this.fd, buffer, total, position + total);
      if (count === 0) break;
      total += count;
    }
    return total;
  }

  readNow(buffer: Uint8Array, position: number): number {
    let total = 0;
    while (total < buffer.length) {
      const count = fs.readSync(this.fd, buffer, total, buffer.length - total, position + total);
      if (count === 0) break;
      total += count;
    }
    return total;
  }

  async writev(buffers: readonly Uint8Array[], position: number): Promise<void> {
    let rest = buffers;
    let at = position;
    while (rest.length > 0) {
      const written = await writeSome(this.fd, rest, at);
      at += written;
      rest = withoutFirst(rest, written);
      if (written === 0 && rest.length > 0) throw new Error(`write made no progress at byte ${at}`);
    }
  }

  writeNow(bytes: Uint8Array, position: number): boolean {
    if (bytes.length > writeNowBytesMax) return false;
    let written = 0;
    while (written < bytes.length) {
      const count = fs.writeSync(this.fd, bytes, written, bytes.length - written, position + written);
      if (count === 0) throw new Error(`write made no progress at byte ${position + written}`);
      written += count;
    }
    return true;
  }

  datasync(): Promise<void> {
    return call((done) => fs.fdatasync(this.fd, done));
  }

  sync(): Promise<void> {
    return call((done) => fs.fsync(this.fd, done));
  }

  truncate(length: number): Promise<void> {
    return call((done) => fs.ftruncate(this.fd, length, done));
  }

  size(): Promise<number> {
    return new Promise((resolve, reject) => {
      fs.fstat(this.fd, (error, stats) => (error === null ? resolve(stats.size) : reject(error)));
    });
  }

  identity(): Promise<string> {
    return new Promise((resolve, reject) => {
      fs.fstat(this.fd, { bigint: true }, (error, stats) =>
        // Numbers of files are used again.
        error === null ? resolve(`${stats.ino} ${stats.birthtimeNs}`) : reject(error),
      );
    });
  }

  close(): Promise<void> {
    return call((done) => fs.close(this.fd, done));
  }
}

function flags(mode: OpenMode): number {
  const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL } = fs.constants;
  if (mode === 'read') return O_RDONLY;
  return mode === 'readWrite' ? O_RDWR : O_RDWR | O_CREAT | O_EXCL;
}

function openFd(file: string, openFlags: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.open(file, openFlags, 0o600, (error, fd) => (error === null ? resolve(fd) : reject(error)));
  });
}

function call(start: (done: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => (error === null || error === undefined ? resolve() : reject(error)));
  });
}

function readSome(fd: number, buffer: Uint8Array, offset: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.read(fd, buffer, offset, buffer.length - offset, position, (error, count) =>
      error === null ? resolve(count) : reject(error),
    );
  });
}

function writeSome(fd: number, buffers: readonly Uint8Array[], position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, count: number) => (error === null ? resolve(count) : reject(error));
    const [first] = buffers;
    if (buffers.length === 1 && first !== undefined) fs.write(fd, first, 0, first.length, position, done);
    else fs.writev(fd, buffers.slice(0, buffersPerCallMax), position, done);
  });
}

/** writev(2) refuses more than IOV_MAX buffers; 1024 on Linux. */
const buffersPerCallMax = 1024;

/** The buffers that remain after `count` bytes of them were written. Buffers without bytes are dropped. */
function withoutFirst(buffers: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let left = count;
  for (const [i, buffer] of buffers.entries()) {
    if (left < buffer.length) return [buffer.subarray(left), ...buffers.slice(i + 1)];
    left -= buffer.length;
  }
  return [];
}
