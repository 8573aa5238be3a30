import { t } from "@vscode/l10n";

/** Each number of a noun is a message of its own, since languages differ in their plurals. */
const texts = {
  box: { one: t("1 box"), many: (count: string) => t("{0} boxes", count) },
  completion: { one: t("1 completion"), many: (count: string) => t("{0} completions", count) },
  frame: { one: t("1 frame"), many: (count: string) => t("{0} frames", count) },
  position: { one: t("1 box position"), many: (count: string) => t("{0} box positions", count) },
  step: { one: t("1 step"), many: (count: string) => t("{0} steps", count) },
  token: { one: t("1 token"), many: (count: string) => t("{0} tokens", count) },
  visualToken: { one: t("1 visual token"), many: (count: string) => t("{0} visual tokens", count) },
  word: { one: t("1 word"), many: (count: string) => t("{0} words", count) },
} as const;

/** "1 frame", "16 frames" */
export function countOf(value: number, noun: keyof typeof texts): string {
  const { one, many } = texts[noun];
  return value === 1 ? one : many(String(value));
}
