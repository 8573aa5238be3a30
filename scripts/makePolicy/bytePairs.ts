/**
 * A byte-level BPE vocabulary for a closed world: merges are learnt until every word of the corpus is one token, so that a
 * number such as "0.43" is a single choice of the policy. Any other text falls back to smaller pieces and bytes.
 */
export interface BytePairs {
  readonly vocab: Readonly<Record<string, number>>;
  readonly merges: readonly (readonly [string, string])[];
}

/** Words: tags, decimal numbers without a blank, words with their leading blank, punctuation with its trailing blank. */
export const wordPattern =
  "</?(?:think|answer|glue)>|\\d+\\.\\d+|\\d+| ?[A-Za-z]+(?: (?=\\d))?|[^A-Za-z\\d\\s<]+ ?|<|\\s+";

export function learnBytePairs(corpus: readonly string[]): BytePairs {
  const counts = new Map<string, number>();
  for (const text of corpus) {
    for (const [word] of text.matchAll(new RegExp(wordPattern, "gu"))) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const words = [...counts].map(([word, count]) => ({ pieces: [...toByteAlphabet(word)], count }));
  const merges: (readonly [string, string])[] = [];
  for (;;) {
    const best = mostFrequentPair(words);
    if (best === undefined) break;
    merges.push(best);
    for (const word of words) word.pieces = merged(word.pieces, best);
  }
  const symbols = [...byteAlphabet().values(), ...merges.map(([a, b]) => a + b)];
  return { vocab: Object.fromEntries([...new Set(symbols)].map((symbol, id) => [symbol, id])), merges };
}

/** GPT-2's printable stand-in for each byte. */
export function byteAlphabet(): Map<number, string> {
  const isPrintable = (b: number): boolean => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
  let shifted = 256;
  return new Map(
    Array.from({ length: 256 }, (_, b) => [b, String.fromCodePoint(isPrintable(b) ? b : shifted++)] as const),
  );
}

function toByteAlphabet(word: string): string {
  const alphabet = byteAlphabet();
  return [...new TextEncoder().encode(word)].map((b) => alphabet.get(b) ?? "").join("");
}

function mostFrequentPair(
  words: readonly { pieces: readonly string[]; count: number }[],
): [string, string] | undefined {
  const counts = new Map<string, { pair: [string, string]; count: number }>();
  for (const { pieces, count } of words) {
    for (let i = 0; i + 1 < pieces.length; i++) {
      const pair: [string, string] = [pieces[i] ?? "", pieces[i + 1] ?? ""];
      const key = pair.join("\u0000");
      const known = counts.get(key);
      if (known === undefined) counts.set(key, { pair, count });
      else known.count += count;
    }
  }
  // Ties by text, so that the vocabulary is the same each time.
  return [...counts.entries()].sort((a, b) => b[1].count - a[1].count || (a[0] < b[0] ? -1 : 1))[0]?.[1].pair;
}

function merged(pieces: readonly string[], [a, b]: readonly [string, string]): string[] {
  const out: string[] = [];
  for (let i = 0; i < pieces.length; i++) {
    if (pieces[i] === a && pieces[i + 1] === b) {
      out.push(a + b);
      i++;
    } else out.push(pieces[i] ?? "");
  }
  return out;
}
