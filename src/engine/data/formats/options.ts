/** "(A) ", "A. ", "A) ", "A: " */
const optionPrefix = /^(?:\([A-Z]\)|[A-Z][.):](?=\s))\s*/;

/** An option without its letter. */
export function plainOption(option: string): string {
  return option.trim().replace(optionPrefix, "").trim();
}

/** Letter of the option at a position. */
export function letterAt(index: number): string {
  return String.fromCharCode(65 + index);
}

/**
 * The option that an answer means, as a capital letter: "(C)", "C", "c." or the text of an option. Null when it is none.
 * Where options have their letters before them, a letter is never the text of another ("A. B").
 */
export function optionOf(given: string, options: readonly string[]): string | null {
  const answer = given.trim();
  const match = /^\(([A-Za-z])\)|^([A-Za-z])[.):]?$|^([A-Z])[.):]\s/.exec(answer);
  const letter = (match?.[1] ?? match?.[2] ?? match?.[3])?.toUpperCase();
  const byLetter = letter === undefined ? -1 : letter.charCodeAt(0) - 65;
  const isBare = match?.[0].length === answer.length;
  const byText = options.findIndex((o) => o.trim() === answer || o.trim().replace(optionPrefix, "") === answer);
  const index = byText < 0 || (isBare && areLettered(options)) ? byLetter : byText;
  return index >= 0 && index < options.length ? letterAt(index) : null;
}

function areLettered(options: readonly string[]): boolean {
  return options.every((option, i) => new RegExp(`^\\(?${letterAt(i)}[.):]`).test(option.trim()));
}

export function noSuchOption(answer: string, options: readonly string[]): string {
  return `The answer ${JSON.stringify(answer)} is none of the ${options.length} options.`;
}
