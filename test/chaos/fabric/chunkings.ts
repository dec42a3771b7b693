/** Bytes as a network may deliver them. */
import fc from 'fast-check';

/** Shares of the length at which to cut. */
export type Places = readonly number[] | 'everywhere';

export function cutAt(bytes: Buffer, places: Places): Buffer[] {
  if (places === 'everywhere') return Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
  const ends = [...new Set(places.map((place) => Math.floor(place * bytes.length)))].sort((a, b) => a - b);
  const starts = [0, ...ends];
  return starts.map((start, at) => bytes.subarray(start, ends[at] ?? bytes.length));
}

export const places: fc.Arbitrary<Places> = fc.oneof(
  { weight: 4, arbitrary: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 }) },
  { weight: 1, arbitrary: fc.constant('everywhere' as const) },
);
