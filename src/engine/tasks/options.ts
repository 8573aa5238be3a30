/** Letter of an option by its position: 0 is "A". */
export function optionLetter(index: number): string {
  return String.fromCharCode(65 + index);
}

/** "(A) text" a line, as prompts print options. */
export function formatOptions(options: readonly string[]): string {
  return options.map((text, i) => `(${optionLetter(i)}) ${text}`).join("\n");
}

/** Text of the option with a letter, or the letter itself when there is no such option. */
export function optionText(options: readonly string[], letter: string): string {
  return options[letter.charCodeAt(0) - 65] ?? letter;
}

/**
 * The option that an answer names, as a capital letter, or null. In this order: the answer is one letter, bare or with
 * punctuation ("c", "(C)", "C. text"); it is the text of one option; it announces its choice ("Answer: C",
 * "the right option is (c)"); one letter stands in brackets; one capital letter stands alone ("Because it is C").
 * A word that merely contains a letter, the article "a" and a choice between several letters name nothing.
 */
export function parseOption(answer: string, options: readonly string[]): string | null {
  const letters = options.map((_, i) => optionLetter(i));
  const text = answer.trim();
  const candidates = [
    leadingLetter(text, options),
    textOfOption(text, options),
    announcedLetter(text),
    onlyLetter([...text.matchAll(/[([]\s?([A-Za-z])\s?[)\]]/g)].map((m) => m[1])),
    onlyLetter(standingLetters(text, letters)),
  ];
  const first = candidates.find((letter) => letter !== null)?.toUpperCase();
  return first !== undefined && letters.includes(first) ? first : null;
}

/** "C", "c", "(c)", "C.", "c) text", "C: text"; and "C text" when the text is that of the option. */
function leadingLetter(text: string, options: readonly string[]): string | null {
  const bare = /^[("'[*]{0,3}([A-Za-z])["'*)\].:,;!]{0,4}$/.exec(text)?.[1];
  if (bare !== undefined) return bare;
  const marked = /^(?:\(([A-Za-z])\)|\[([A-Za-z])\]|([A-Za-z])[.):])(?![A-Za-z])/.exec(text);
  // "(A) or (B)" is no choice: bracketed letters are counted by a later rule.
  if (marked !== null && !/[([]\s?[A-Za-z]\s?[)\]]/.test(text.slice(marked[0].length))) {
    return marked[1] ?? marked[2] ?? marked[3] ?? null;
  }
  const spaced = /^([A-Za-z])\s/.exec(text)?.[1]?.toUpperCase();
  if (spaced === undefined) return null;
  return normalise(text.slice(1)) === normalise(optionText(options, spaced)) ? spaced : null;
}

function textOfOption(text: string, options: readonly string[]): string | null {
  const matching = options.flatMap((option, i) => (normalise(option) === normalise(text) ? [optionLetter(i)] : []));
  return onlyLetter(matching);
}

/** The last letter that the text announces, unless it goes on with "or" or "and": that is no choice. */
function announcedLetter(text: string): string | null {
  const pattern =
    /\b(?:[Aa]nswer|ANSWER|[Oo]ption|OPTION|[Cc]hoice|CHOICE)(?:\s?(?::|=|is\b|would be\b|must be\b)){0,2}\s{0,2}(?:option\s)?["'([*]{0,3}([A-Za-z])(?![A-Za-z0-9'’])/g;
  let letter: string | null = null;
  for (const match of text.matchAll(pattern)) {
    const found = match[1];
    const end = match.index + match[0].length;
    const rest = text.slice(end, end + 8).replace(/^["')\]*]{1,3}/, "");
    if (found === undefined || /^\s?(?:or\b|and\b|\/)/.test(rest)) continue;
    // A small letter counts only at the end of its sentence: "a" is a word too.
    if (/[A-Z]/.test(found) || /^(?:[.,;!\n]|$)/.test(rest)) letter = found;
  }
  return letter;
}

/** Capital letters that stand alone, without those that read as a word: "A man", "I think". */
function standingLetters(text: string, letters: readonly string[]): string[] {
  const found: string[] = [];
  for (const match of text.matchAll(/(?<![A-Za-z0-9'’])([A-Z])(?![A-Za-z0-9'’])/g)) {
    const letter = match[1];
    if (letter === undefined || !letters.includes(letter)) continue;
    const rest = text.slice(match.index + 1, match.index + 12);
    const isWord = (letter === "A" || letter === "I") && /^ [a-z]/.test(rest);
    const isChosen = /^ (?:is|because|since|as|and|or|seems)\b/.test(rest);
    if (!isWord || isChosen) found.push(letter);
  }
  return found;
}

function onlyLetter(letters: readonly (string | undefined)[]): string | null {
  const distinct = new Set(letters.map((l) => l?.toUpperCase()));
  const [first] = distinct;
  return distinct.size === 1 && first !== undefined ? first : null;
}

function normalise(text: string): string {
  return text.trim().replace(/[.!]$/, "").trim().toLowerCase();
}
