import { t } from "@vscode/l10n";
/** How the values of a chart are written. */
export type Unit = "number" | "share" | "count" | "tokens" | "tokensPerSec" | "seconds" | "bytes";

const minus = "\u2212";

/** A value with its unit, to about three digits: "0.612", "12.5 %", "1.4 GB". */
export function formatValue(value: number, unit: Unit): string {
  switch (unit) {
    case "number":
      return plain(value);
    case "share":
      return `${plain(100 * value)} %`;
    case "count":
      return String(Math.round(value));
    case "tokens":
      return t("{0} tokens", plain(value));
    case "tokensPerSec":
      return t("{0} tokens/s", plain(value));
    case "seconds":
      return `${plain(value)} s`;
    case "bytes":
      return bytesText(value);
  }
}

/** The same for an axis, where the chart's title says what the numbers are. */
export function formatTick(value: number, unit: Unit): string {
  if (unit === "bytes") return bytesText(value);
  return unit === "share" ? `${plain(100 * value)} %` : plain(value);
}

function plain(value: number): string {
  const size = Math.abs(value);
  const text =
    size === 0
      ? "0"
      : size < 1e-3 || size >= 1e6
        ? size
            .toExponential(2)
            .replace("e+", "e")
            .replace(/\.?0+e/, "e")
            .replace("e-", `e${minus}`)
        : String(Number(size.toPrecision(3)));
  return value < 0 ? `${minus}${text}` : text;
}

function bytesText(bytes: number): string {
  if (bytes === 0) return "0";
  return bytes < 1e9 ? `${plain(bytes / 1e6)} MB` : `${plain(bytes / 1e9)} GB`;
}
