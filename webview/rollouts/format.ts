import { t } from "@vscode/l10n";
import type { RunPhase } from "../../src/protocol/records.ts";
import type { ParseFailure, Segment, TaskId } from "../../src/protocol/tasks.ts";

/** Texts of the page. */

const minus = "\u2212";

export function formatNumber(value: number, digits = 2): string {
  const text = Math.abs(value).toFixed(digits);
  return value < 0 && Number(text) !== 0 ? `${minus}${text}` : text;
}

/** With its sign, as advantages are written: "+0.82", "−1.20", "0.00". */
export function formatSigned(value: number): string {
  const text = formatNumber(value);
  return value > 0 && Number(text) !== 0 ? `+${text}` : text;
}

/** "3.10 s"; from ten minutes on "12:05.1". */
export function formatTime(timeSec: number): string {
  if (timeSec < 600) return `${timeSec.toFixed(2)} s`;
  return clockTime(timeSec, 1);
}

/** Label of the time axis: "2.5 s", "1:30". */
export function formatAxisTime(timeSec: number, durationSec: number): string {
  if (durationSec >= 120) return clockTime(timeSec, 0);
  return `${Number(timeSec.toFixed(1))} s`;
}

export function formatSegments(segments: readonly Segment[]): string {
  return segments
    .map((segment) => t("{0} to {1} s", secondsText(segment.startSec), secondsText(segment.endSec)))
    .join(", ");
}

export const taskLabels: Readonly<Record<TaskId, string>> = {
  "temporal-grounding": t("Temporal grounding"),
  tracking: t("Tracking"),
  "grounded-qa": t("Grounded QA"),
  "multiple-choice": t("Multiple choice"),
  classification: t("Classification"),
  captioning: t("Captioning"),
  open: t("Open question"),
};

export const phaseLabels: Readonly<Record<RunPhase, string>> = {
  starting: t("starting"),
  evaluating: t("evaluating"),
  sampling: t("sampling"),
  scoring: t("scoring"),
  updating: t("updating"),
  saving: t("saving"),
  idle: t("idle"),
};

export const failureTexts: Readonly<Record<ParseFailure, string>> = {
  "no-answer-tag": t("No <answer>…</answer>"),
  "empty-answer": t("The answer is empty"),
  "no-interval": t("No two times in the answer"),
  "inverted-interval": t("The interval ends before it starts"),
  "no-boxes": t("No list of boxes in the answer"),
  "wrong-box-count": t("Wrong number of boxes"),
  "inverted-box": t("A box has x1 ≤ x0 or y1 ≤ y0"),
  "box-out-of-range": t("A box is outside [0, 1]"),
  "no-option": t("No option letter in the answer"),
  "no-glue-tag": t("No <glue>…</glue>"),
  "bad-glue": t("The <glue> is not a list of (start, end) pairs"),
};

/** A parse failure in words; one that a newer engine added is shown as its code. */
export function failureText(failure: ParseFailure): string {
  // SAFETY: a record may hold a failure that this version does not know; the wider type says so.
  return (failureTexts as Readonly<Record<string, string | undefined>>)[failure] ?? failure;
}

function secondsText(timeSec: number): string {
  return timeSec.toFixed(1);
}

function clockTime(timeSec: number, digits: number): string {
  const minutes = Math.floor(timeSec / 60);
  const seconds = (timeSec - minutes * 60).toFixed(digits);
  return `${minutes}:${seconds.padStart(digits === 0 ? 2 : digits + 3, "0")}`;
}
