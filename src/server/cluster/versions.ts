/** Versions of etcd: those of servers ("3.6.5"), and the minor versions ("3.6.0") that clusters and databases have. [pure] */

/** As etcd's semver package takes them: three numbers, then perhaps a pre-release and metadata. */
const semver = /^([0-9]+)\.([0-9]+)\.([0-9]+)(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$/;

/** "3.6.0" of "3.6.5"; null if the text is no version. */
export function minorVersion(text: string): string | null {
  const parts = semver.exec(text);
  return parts === null ? null : `${Number(parts[1])}.${Number(parts[2])}.0`;
}

/** The cluster version that a user means with "3.5", or with "3.5.1"; null if that is no version. */
export function clusterVersionOf(text: string): string | null {
  return minorVersion(text) ?? minorVersion(`${text}.0`);
}

/** "3.6" for "3.6.0": how etcd shows cluster versions. */
export function shortVersion(version: string): string {
  return version.replace(/\.0$/, '');
}

/** The only version that a cluster of this version can be downgraded to. */
export function downgradeTarget(version: string): string {
  const [major, minor] = numbersOf(version);
  return `${major}.${minor - 1}.0`;
}

export function nextMinorVersion(version: string): string {
  const [major, minor] = numbersOf(version);
  return `${major}.${minor + 1}.0`;
}

/** By major and minor version. */
export function isBefore(version: string, other: string): boolean {
  const [major, minor] = numbersOf(version);
  const [otherMajor, otherMinor] = numbersOf(other);
  return major !== otherMajor ? major < otherMajor : minor < otherMinor;
}

function numbersOf(version: string): readonly [number, number] {
  const [major, minor] = version.split('.').map(Number);
  return [major ?? 0, minor ?? 0];
}
