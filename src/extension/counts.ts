import { t } from "@vscode/l10n";

/** Each number of a noun is a message of its own, since languages differ in their plurals. */
const texts = {
  advantage: { one: t("1 advantage"), many: (count: string) => t("{0} advantages", count) },
  error: { one: t("1 error"), many: (count: string) => t("{0} errors", count) },
  group: { one: t("1 group"), many: (count: string) => t("{0} groups", count) },
  place: { one: t("1 place"), many: (count: string) => t("{0} places", count) },
  rollout: { one: t("1 rollout"), many: (count: string) => t("{0} rollouts", count) },
} as const;

/** "1 rollout", "1,200 rollouts" */
export function countOf(value: number, noun: keyof typeof texts): string {
  const { one, many } = texts[noun];
  return value === 1 ? one : many(count(value));
}

/** "1,200" */
export function count(value: number): string {
  return value.toLocaleString("en-US");
}
