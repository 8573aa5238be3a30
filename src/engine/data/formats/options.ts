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

/** The option that an answer means, as a capital letter: "(C)", "C", "c." or the text of an option. Null when it is none. */
export function optionOf(given: string, options: readonly string[]): string | null {
  const answer = given.trim();
  const match = /^\(([A-Za-z])\)|^([A-Za-z])[.):]?$|^([A-Z])[.):]\s/.exec(answer);
  const letter = (match?.[1] ?? match?.[2] ?? match?.[3])?.toUpperCase();
  const byText = options.findIndex((o) => o.trim() === answer || o.trim().replace(optionPrefix, "") === answer);
  const index = byText >= 0 ? byText : letter === undefined ? -1 : letter.charCodeAt(0) - 65;
  return index >= 0 && index < options.length ? letterAt(index) : null;
}

export function noSuchOption(answer: string, options: readonly string[]): string {
  return `The answer ${JSON.stringify(answer)} is none of the ${options.length} options.`;
}
