/** Sizes for people. [pure] */
const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;

/** As etcd's logs print it: powers of 1000, two digits. */
export function humanBytes(bytes: number): string {
  if (bytes < 10) return `${bytes} B`;
  const power = Math.min(Math.floor(Math.log10(bytes) / 3), units.length - 1);
  const value = Math.floor((bytes / 1_000 ** power) * 10 + 0.5) / 10;
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ${units[power] ?? ''}`;
}
