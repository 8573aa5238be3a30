import { t } from "@vscode/l10n";
import { countOf } from "../../counts.ts";
import { formatSegments } from "../format.ts";
import { boxIou, mean, tIou } from "../geometry.ts";
import type { CompletionView, GroupView } from "../groupModel.ts";

/** Two groups of one prompt: the other side (left, as the earlier text of a diff) and the one that the page shows (right). */
export interface Comparison {
  readonly rows: readonly ComparedRow[];
  readonly measures: readonly ComparedMeasure[];
}

/** Completions of the same rank by reward: samples have no other order, so best stands beside best. */
export interface ComparedRow {
  readonly rank: number;
  readonly left: CompletionView | null;
  readonly right: CompletionView | null;
  readonly rewardDelta: number | null;
  readonly overlapDelta: number | null;
  readonly answer: AnswerDifference | null;
}

export interface AnswerDifference {
  readonly left: string;
  readonly right: string;
  readonly isSame: boolean;
  /** How the answers differ where that can be said in few words: "start +1.5 s, end −0.4 s", "IoU 0.62". */
  readonly difference: string;
}

export interface ComparedMeasure {
  readonly name: string;
  readonly left: number | null;
  readonly right: number | null;
  readonly delta: number | null;
}

export function compareGroups(left: GroupView, right: GroupView): Comparison {
  const leftRanked = byReward(left.completions);
  const rightRanked = byReward(right.completions);
  const size = Math.max(leftRanked.length, rightRanked.length);
  return {
    rows: Array.from({ length: size }, (_, index) => compareRow(index, leftRanked[index], rightRanked[index])),
    measures: measuresOf(left, right),
  };
}

/** The answer in one line. */
export function answerText({ record, segments, option, boxes }: CompletionView): string {
  const parts: string[] = [];
  if (option !== null) parts.push(option);
  if (segments.length > 0) parts.push(formatSegments(segments));
  if (boxes.length > 0) parts.push(countOf(boxes.length, "box"));
  if (parts.length > 0) return parts.join(" · ");
  return record.parsed.failures.length > 0 ? t("no answer") : (record.parsed.text ?? "–");
}

function compareRow(index: number, left: CompletionView | undefined, right: CompletionView | undefined): ComparedRow {
  const delta = (a: number | null | undefined, b: number | null | undefined): number | null =>
    a === null || a === undefined || b === null || b === undefined ? null : b - a;
  return {
    rank: index + 1,
    left: left ?? null,
    right: right ?? null,
    rewardDelta: delta(left?.record.reward, right?.record.reward),
    overlapDelta: delta(left?.overlap?.value, right?.overlap?.value),
    answer: left === undefined || right === undefined ? null : answerDifference(left, right),
  };
}

function answerDifference(left: CompletionView, right: CompletionView): AnswerDifference {
  const texts = { left: answerText(left), right: answerText(right) };
  const difference = differenceText(left, right);
  return { ...texts, isSame: texts.left === texts.right && difference === "", difference };
}

function differenceText(left: CompletionView, right: CompletionView): string {
  const parts: string[] = [];
  const [a, b] = [left.segments[0], right.segments[0]];
  if (a !== undefined && b !== undefined && left.segments.length === 1 && right.segments.length === 1) {
    const shift = (name: string, from: number, to: number): string[] =>
      Math.abs(to - from) < 0.05 ? [] : [`${name} ${to > from ? "+" : "−"}${Math.abs(to - from).toFixed(1)} s`];
    parts.push(...shift(t("start"), a.startSec, b.startSec), ...shift(t("end"), a.endSec, b.endSec));
  } else if (left.segments.length > 0 && right.segments.length > 0) {
    const best = left.segments.map((segment) => Math.max(...right.segments.map((other) => tIou(segment, other))));
    if (mean(best) < 0.995) parts.push(t("tIoU with each other {0}", mean(best).toFixed(2)));
  }
  if (left.boxes.length > 0 && right.boxes.length > 0) {
    const ious = left.boxes.map(({ box }, index) => {
      const other = right.boxes[index]?.box;
      return other === undefined ? 0 : boxIou(box, other);
    });
    if (mean(ious) < 0.995) parts.push(t("IoU with each other {0}", mean(ious).toFixed(2)));
  }
  return parts.join(", ");
}

function measuresOf(left: GroupView, right: GroupView): readonly ComparedMeasure[] {
  const overlap = right.completions[0]?.overlap?.name ?? left.completions[0]?.overlap?.name ?? null;
  const parts = [...new Set([left, right].flatMap(partNames))].filter((name) => name !== "tiou" && name !== "box-iou");
  const measure = (name: string, value: (completion: CompletionView) => number | null): ComparedMeasure => {
    const [a, b] = [meanOf(left.completions.map(value)), meanOf(right.completions.map(value))];
    return { name, left: a, right: b, delta: a === null || b === null ? null : b - a };
  };
  const partOf = (name: string) => (completion: CompletionView) =>
    completion.record.rewards.find((part) => part.name === name)?.value ?? null;
  return [
    measure(t("Reward"), ({ record }) => record.reward),
    ...(overlap === null ? [] : [measure(overlap, (completion) => completion.overlap?.value ?? null)]),
    ...parts.map((name) => measure(name, partOf(name))),
    measure(t("Tokens"), ({ record }) => record.tokenCount),
  ];
}

function partNames({ completions }: GroupView): readonly string[] {
  return completions.flatMap(({ record }) => record.rewards.map(({ name }) => name));
}

/** Best first; what was dropped comes last. */
function byReward(completions: readonly CompletionView[]): readonly CompletionView[] {
  return [...completions].sort((a, b) => (b.record.reward ?? -Infinity) - (a.record.reward ?? -Infinity) || a.k - b.k);
}

function meanOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : mean(known);
}
