import { t } from "@vscode/l10n";
import { formatNumber, formatSigned } from "../format.ts";

const labels: Readonly<Record<string, string>> = {
  step: t("Step"),
  reward: t("Reward"),
  advantage: t("Advantage"),
  tokens: t("Length"),
  entropy: t("Entropy"),
  kl: "KL",
};

/** Heading of a column of the list. */
export function columnLabel(column: string): string {
  return labels[column] ?? column.replace(/^reward\//, "");
}

/** A value of a column; NaN is none. */
export function columnValue(column: string, value: number): string {
  if (Number.isNaN(value)) return "–";
  const exact = Number(value.toPrecision(7)); // columns are float32: 1.905 must not be rounded down
  if (column === "tokens") return String(exact);
  if (column === "advantage") return formatSigned(exact);
  return formatNumber(exact, column === "kl" ? 3 : 2);
}

/** "0.2 to 0.4": the edges of a bin with as many digits as they need. */
export function rangeText(low: number, high: number): string {
  return t("{0} to {1}", edgeText(low), edgeText(high));
}

export function edgeText(value: number): string {
  return String(Number(value.toPrecision(4))).replace("-", "\u2212");
}

/** "200,000". */
export function countText(count: number): string {
  return count.toLocaleString("en-US");
}
