/** Words in lower case, without punctuation at their ends. */
export function wordsOf(text: string): string[] {
  return text
    .toLowerCase()
    .split(/\s+/)
    .map((word) => word.replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, ""))
    .filter((word) => word !== "");
}

/** An answer as it is compared: without white space around it, in lower case, without a full stop. */
export function normaliseAnswer(text: string): string {
  return text.trim().replace(/[.!]$/, "").trimEnd().replace(/\s+/g, " ").toLowerCase();
}

/**
 * ROUGE-L: F1 of the longest common subsequence of words (Lin 2004, with beta 1), in [0, 1]. 0 when either text is empty.
 */
export function rougeL(candidate: string, reference: string): number {
  const [a, b] = [wordsOf(candidate), wordsOf(reference)];
  const common = longestCommonSubsequence(a, b);
  return common === 0 ? 0 : (2 * common) / (a.length + b.length);
}

function longestCommonSubsequence(a: readonly string[], b: readonly string[]): number {
  let above = new Uint32Array(b.length + 1);
  for (const word of a) {
    const row = new Uint32Array(b.length + 1);
    b.forEach((other, j) => {
      row[j + 1] = word === other ? (above[j] ?? 0) + 1 : Math.max(above[j + 1] ?? 0, row[j] ?? 0);
    });
    above = row;
  }
  return above[b.length] ?? 0;
}
