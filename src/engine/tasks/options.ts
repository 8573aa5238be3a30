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
  const isOption = (letter: string | undefined): boolean => letter !== undefined && letters.includes(letter);
  const { chosen, offered } = leadingLetter(text, options);
  const bracketed = [...text.matchAll(/(?<![A-Za-z])[([]\s?([A-Za-z])\s?[)\]]/g)].map((m) => m[1]?.toUpperCase());
  const candidates = [
    chosen,
    textOfOption(text, options),
    announcedLetter(text, letters),
    onlyLetter([...offered, ...bracketed.filter(isOption)]),
    onlyLetter(standingLetters(text, letters)),
  ];
  return candidates.map((letter) => letter?.toUpperCase()).find(isOption) ?? null;
}

/** A letter that a text begins with: chosen, or only offered beside others. */
interface LeadingLetter {
  readonly chosen: string | null;
  readonly offered: readonly string[];
}

const noLetter: LeadingLetter = { chosen: null, offered: [] };

/** "(A) or (B)", "(A), (B)", "A. red or (B) blue": no choice. Text may speak of other options otherwise. */
const goesOn = /^\s{0,2}(?:,|\/|&|and\b|or\b)\s{0,2}[([]\s?[A-Za-z]\s?[)\]]|\bor\s{1,2}[([]\s?[A-Za-z]\s?[)\]]/i;

/** "C", "c", "(c)", "C.", "c) text", "C: text", "C" on a line of its own; and "C text" when the text is that of the option. */
function leadingLetter(text: string, options: readonly string[]): LeadingLetter {
  const bare = /^[("'[*]{0,3}([A-Za-z])["'*)\].:,;!]{0,4}$/.exec(text)?.[1];
  if (bare !== undefined) return { ...noLetter, chosen: bare };
  const marked = /^(?:\(([A-Za-z])\)|\[([A-Za-z])\]|([A-Za-z])[.):])(?![A-Za-z])/.exec(text);
  const letter = marked?.[1] ?? marked?.[2] ?? marked?.[3];
  if (marked !== null && letter !== undefined) {
    const isOffered = goesOn.test(text.slice(marked[0].length));
    return isOffered ? { chosen: null, offered: [letter.toUpperCase()] } : { ...noLetter, chosen: letter };
  }
  const onItsLine = /^([A-Za-z])[ \t]*\r?\n/.exec(text)?.[1];
  if (onItsLine !== undefined) return { ...noLetter, chosen: onItsLine };
  const spaced = /^([A-Za-z])\s/.exec(text)?.[1]?.toUpperCase();
  if (spaced === undefined || normalise(text.slice(1)) !== normalise(optionText(options, spaced))) return noLetter;
  return { ...noLetter, chosen: spaced };
}

function textOfOption(text: string, options: readonly string[]): string | null {
  const matching = options.flatMap((option, i) => (normalise(option) === normalise(text) ? [optionLetter(i)] : []));
  return onlyLetter(matching);
}

/** The last letter that the text announces, unless it goes on with "or" or "and": that is no choice. */
function announcedLetter(text: string, letters: readonly string[]): string | null {
  const pattern =
    /\b(?:[Aa]nswer|ANSWER|[Oo]ption|OPTION|[Cc]hoice|CHOICE)(?:\s?(?::|=|is\b|would be\b|must be\b)){0,2}\s{0,2}(?:option\s)?["'([*]{0,3}([A-Za-z])(?![A-Za-z0-9'’])/g;
  let letter: string | null = null;
  for (const match of text.matchAll(pattern)) {
    const found = match[1];
    const end = match.index + match[0].length;
    const rest = text.slice(end, end + 8).replace(/^["')\]*]{1,3}/, "");
    if (found === undefined || !letters.includes(found.toUpperCase())) continue;
    if (/^\s?(?:or\b|and\b|\/)/.test(rest)) continue;
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
