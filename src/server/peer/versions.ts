/** What peers say of their versions, and whether both sides can talk (rafthttp/util.go). Only major and minor count. [pure] */

interface Version {
  readonly major: number;
  readonly minor: number;
}

/** What peers before 2.1, which sent no version headers, count as. */
export const unsaidVersion = '2.0.0';

function parseVersion(text: string): Version | null {
  const parts = /^([0-9]+)\.([0-9]+)\.[0-9]+(?:[-+].*)?$/.exec(text);
  return parts === null ? null : { major: Number(parts[1]), minor: Number(parts[2]) };
}

function isLower(a: Version, b: Version): boolean {
  return a.major !== b.major ? a.major < b.major : a.minor < b.minor;
}

export interface VersionPair {
  readonly serverVersion: string;
  readonly minClusterVersion: string;
}

/** Why two members cannot talk; null if they can. `name` is what the remote calls itself. */
export function versionConflict(local: VersionPair, remote: VersionPair, name: string): string | null {
  const [ours, oursMin] = [parseVersion(local.serverVersion), parseVersion(local.minClusterVersion)];
  const [theirs, theirsMin] = [parseVersion(remote.serverVersion), parseVersion(remote.minClusterVersion)];
  const compared = `remote[${name}]=${remote.serverVersion}, local=${local.serverVersion}`;
  if (ours === null || oursMin === null || theirs === null || theirsMin === null) {
    return `remote version is malformed: ${compared}`;
  }
  if (isLower(theirs, oursMin)) return `remote version is too low: ${compared}`;
  if (isLower(ours, theirsMin)) return `local version is too low: ${compared}`;
  return null;
}

/** Members since 2.1 serve both stream types; one that is not older than this member does so too, whatever it is. */
export function servesStreams(remoteVersion: string, localVersion: string): boolean {
  const [remote, local] = [parseVersion(remoteVersion), parseVersion(localVersion)];
  if (remote === null || local === null) return false;
  return !isLower(remote, local) || !isLower(remote, { major: 2, minor: 1 });
}
