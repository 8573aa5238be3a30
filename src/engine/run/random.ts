/**
 * A 32-bit number from a seed and the names of what is drawn. All randomness of a run is drawn this way, from counters:
 * nothing has to be carried over when a run is resumed but the counters.
 */
export function deriveSeed(seed: number, ...names: readonly (string | number)[]): number {
  // FNV-1a over the UTF-16 code units, then the finaliser of MurmurHash3 so that neighbours end up far apart.
  let hash = 0x811c9dc5;
  for (const char of JSON.stringify([seed, ...names])) {
    hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
