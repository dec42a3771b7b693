/** Finds out who listens on a TCP port, so that "address already in use" has a name. Linux only; elsewhere nobody is known. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface Listener {
  readonly port: number;
  /** Its socket, as /proc/PID/fd names it. */
  readonly inode: string;
}

export interface PortHolder {
  /** Null if it belongs to another user. */
  readonly pid: number | null;
  readonly command: string;
}

const commandShownMax = 60;
/** TCP_LISTEN of the kernel, as /proc/net/tcp shows it. */
const listenState = '0A';

/** Sockets that listen on this machine, as far as the kernel shows them; one look takes about a millisecond. */
export function listeners(): readonly Listener[] {
  return ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) => parseListeners(read(file)));
}

/** The listening sockets in the text of /proc/net/tcp or tcp6. Pure. */
export function parseListeners(text: string): Listener[] {
  return text
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === listenState)
    .map((fields) => ({ port: Number.parseInt(fields[1]?.split(':')[1] ?? '', 16), inode: fields[9] ?? '' }));
}

/** Who holds the port; null if nobody is seen to. Looks through all processes: for ports that are known to be in use. */
export function holderOf(port: number): PortHolder | null {
  const links = new Set(listeners().flatMap((one) => (one.port === port ? [`socket:[${one.inode}]`] : [])));
  if (links.size === 0) return null;
  for (const pid of list('/proc').filter((name) => /^\d+$/.test(name))) {
    if (!list(`/proc/${pid}/fd`).some((fd) => links.has(link(`/proc/${pid}/fd/${fd}`)))) continue;
    return { pid: Number(pid), command: read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim() };
  }
  return { pid: null, command: '' };
}

/** ` by process 42 (python3 -m http.server)`, to follow "in use"; empty if nothing is known. */
export function holderText(port: number): string {
  const holder = holderOf(port);
  if (holder === null) return '';
  if (holder.pid === null) return ' by a process of another user';
  const { pid, command } = holder;
  return ` by process ${pid} (${command.length > commandShownMax ? `${command.slice(0, commandShownMax)}…` : command})`;
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // another user's, or gone
  }
}

function link(file: string): string {
  try {
    return readlinkSync(file);
  } catch {
    return '';
  }
}
