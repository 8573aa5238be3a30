import type { ScoreValue } from "../../protocol/records.ts";
import type { Segment } from "../../protocol/tasks.ts";

/** Columns of text with two spaces between them: the first and those named are set to the left, the others to the right. */
export function formatTable(rows: readonly (readonly string[])[], leftColumns: readonly number[] = []): string {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, cell.length)));
  const pad = (cell: string, i: number): string =>
    i === 0 || leftColumns.includes(i) ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0);
  return rows.map((row) => row.map(pad).join("  ").trimEnd()).join("\n");
}

/** "━━━━━───── " of `width` characters. */
export function formatBar(fraction: number, width: number): string {
  const filled = Math.round(Math.min(Math.max(fraction, 0), 1) * width);
  return "━".repeat(filled) + "─".repeat(width - filled);
}

/** "0:07", "4:05", "1:02:30" */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const parts = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  const shown = parts[0] === 0 ? parts.slice(1) : parts;
  return shown.map((part, i) => (i === 0 ? String(part) : String(part).padStart(2, "0"))).join(":");
}

/** "0.551 [0.502, 0.597]" */
export function formatScore(score: ScoreValue): string {
  return `${score.value.toFixed(3)} [${score.low.toFixed(3)}, ${score.high.toFixed(3)}]`;
}

/** "512 MB", "1.4 GB" */
export function formatBytes(bytes: number): string {
  if (bytes < 1e9) return `${Math.round(bytes / 1e6)} MB`;
  return `${(bytes / 1e9).toFixed(1)} GB`;
}

/** A lane of a timeline: "····████····" over the whole video. A segment shows at least one mark. */
export function formatLane(segments: readonly Segment[], durationSec: number, width: number): string {
  const lane = Array.from({ length: width }, () => "·");
  for (const { startSec, endSec } of segments) {
    const first = Math.min(width - 1, Math.max(0, Math.floor((startSec / durationSec) * width)));
    const last = Math.min(width - 1, Math.max(first, Math.ceil((endSec / durationSec) * width) - 1));
    lane.fill("█", first, last + 1);
  }
  return lane.join("");
}

/** One line: whitespace folded, cut with an ellipsis. */
export function foldText(text: string, width: number): string {
  const folded = text.replace(/\s+/g, " ").trim();
  return folded.length <= width ? folded : `${folded.slice(0, Math.max(0, width - 1))}…`;
}
