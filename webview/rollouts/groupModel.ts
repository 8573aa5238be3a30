import { t } from "@vscode/l10n";
import { countOf } from "../counts.ts";
import type { CompletionRecord, GroupRecord } from "../../src/protocol/records.ts";
import type { BoundingBox, Segment, TimedBox, Truth } from "../../src/protocol/tasks.ts";
import { splitCompletion } from "./completionText.ts";
import type { CompletionSection, LinkOptions } from "./completionText.ts";
import type { Tone } from "./overlay.ts";
import { failureText, formatNumber, formatSegments, formatSigned } from "./format.ts";
import { contradictions } from "./mentions.ts";
import type { Contradiction } from "./mentions.ts";
import { boxIous, mean, nearestIndex, segmentsIou } from "./geometry.ts";

/**
 * A group whose completions are no rollouts of a run: answers in a chat, with names of their own. They have no advantage, so
 * their colour says whose they are.
 */
export interface NamedGroupRecord extends GroupRecord {
  readonly names: readonly CompletionName[];
}

export interface CompletionName {
  /** As short as "A2". */
  readonly label: string;
  readonly title: string;
  readonly tone: Tone;
}

/** What the views show of a group: derived from the record once, never changed. */
export interface GroupView {
  readonly record: GroupRecord;
  readonly isNamed: boolean;
  readonly durationSec: number;
  readonly timestampsSec: readonly number[];
  readonly truthSegments: readonly Segment[];
  readonly truthBoxes: readonly TimedBox[];
  /** What is right where it is a text: a label, captions, an answer. */
  readonly truthTexts: readonly string[];
  readonly options: readonly OptionView[];
  readonly completions: readonly CompletionView[];
  readonly hasTruth: boolean;
  /** Truth or answers speak of times, so they have lanes. */
  readonly hasLanes: boolean;
  /** All rewards are equal: the group gives no gradient. */
  readonly isZeroVariance: boolean;
  /** Full length of a reward bar: the largest part of the group, at least 1. */
  readonly rewardScale: number;
}

export interface OptionView {
  readonly letter: string;
  readonly text: string;
  readonly isTruth: boolean;
  /** Indices k of the completions that chose it. */
  readonly chosenBy: readonly number[];
}

export interface CompletionView {
  readonly k: number;
  readonly name: CompletionName;
  readonly record: CompletionRecord;
  readonly sections: readonly CompletionSection[];
  readonly segments: readonly Segment[];
  /** Boxes of the answer at the times of the truth's positions; at equal steps, as prompts ask for them, without a truth. */
  readonly boxes: readonly TimedBox[];
  /** IoU at each position of the truth; empty unless it is a track. */
  readonly positionIous: readonly number[];
  readonly overlap: Overlap | null;
  readonly option: string | null;
  readonly isOptionRight: boolean | null;
  /** Advantage ÷ largest absolute advantage of the group, in [-1, 1]: depth of the colour. 1 where there are no advantages. */
  readonly strength: number;
  readonly problems: readonly string[];
  /** Where the reasoning says something else than the answer does. */
  readonly contradictions: readonly Contradiction[];
  /** One sentence for assistive technology. */
  readonly spoken: string;
}

export interface Overlap {
  readonly name: "tIoU" | "IoU";
  readonly value: number;
}

export function buildGroup(record: GroupRecord | NamedGroupRecord): GroupView {
  const truth = record.truth;
  const truthSegments = truthSegmentsOf(record);
  const truthBoxes = truth.task === "tracking" ? truth.boxes : [];
  const truthOption = truth.task === "grounded-qa" || truth.task === "multiple-choice" ? truth.option : null;
  const largestAdvantage = Math.max(0, ...record.completions.map((completion) => Math.abs(completion.advantage)));
  const names = "names" in record ? record.names : null;
  const durationSec = axisEnd(record, truthSegments);
  const context: Context = { record, names, durationSec, truthSegments, truthBoxes, truthOption, largestAdvantage };
  const completions = record.completions.map((completion, k) => buildCompletion(completion, k, context));
  const parts = record.completions.flatMap((completion) => completion.rewards.map((part) => Math.abs(part.value ?? 0)));
  const hasTruth = truthSegments.length > 0 || truthBoxes.length > 0;
  return {
    record,
    isNamed: names !== null,
    durationSec,
    timestampsSec: record.video?.timestampsSec ?? [],
    truthSegments,
    truthBoxes,
    truthTexts: truthTextsOf(truth),
    options: buildOptions(record.options ?? [], truthOption, completions),
    completions,
    hasTruth,
    hasLanes: hasTruth || completions.some(({ segments }) => segments.length > 0),
    isZeroVariance: record.completions.length > 1 && Math.abs(record.rewardStd) < 1e-6,
    rewardScale: Math.max(1, ...parts),
  };
}

function truthTextsOf(truth: Truth): readonly string[] {
  switch (truth.task) {
    case "classification":
      return [truth.label];
    case "captioning":
      return truth.captions;
    case "open":
      return truth.answer === null ? [] : [truth.answer];
    default:
      return [];
  }
}

/** How the times of a group's texts are read. */
export function mentionOptions(record: GroupRecord): LinkOptions {
  const { task } = record;
  const numbersAreTimes = task === "temporal-grounding" || task === "grounded-qa";
  return { durationSec: axisEnd(record, truthSegmentsOf(record)), numbersAreTimes };
}

/** The box whose time is nearest to the playhead. */
export function boxAt(boxes: readonly TimedBox[], timeSec: number): BoundingBox | null {
  return nearestPosition(boxes, timeSec)?.box ?? null;
}

/** Time of the track's position whose boxes are drawn: a track has fewer positions than the clip has frames. */
export function positionTimeSec(group: GroupView, selected: CompletionView | null, timeSec: number): number | null {
  const positions = group.truthBoxes.length > 0 ? group.truthBoxes : (selected?.boxes ?? []);
  return nearestPosition(positions, timeSec)?.timestampSec ?? null;
}

function nearestPosition(boxes: readonly TimedBox[], timeSec: number): TimedBox | undefined {
  const times = boxes.map((position) => position.timestampSec);
  return boxes[nearestIndex(times, timeSec)];
}

/** First moment that a prediction or the truth speaks of; null when it speaks of none. */
export function firstTimeSec(segments: readonly Segment[], boxes: readonly TimedBox[]): number | null {
  const times = [...segments.map((segment) => segment.startSec), ...boxes.map((position) => position.timestampSec)];
  return times.length === 0 ? null : Math.min(...times);
}

function truthSegmentsOf({ truth }: GroupRecord): readonly Segment[] {
  if (truth.task === "temporal-grounding") return [truth.segment];
  return truth.task === "grounded-qa" ? truth.segments : [];
}

interface Context {
  readonly record: GroupRecord;
  readonly names: readonly CompletionName[] | null;
  readonly durationSec: number;
  readonly truthSegments: readonly Segment[];
  readonly truthBoxes: readonly TimedBox[];
  readonly truthOption: string | null;
  readonly largestAdvantage: number;
}

function buildCompletion(completion: CompletionRecord, k: number, context: Context): CompletionView {
  const parsed = completion.parsed;
  const segments = parsed.segments ?? (parsed.segment === undefined ? [] : [parsed.segment]);
  const predictedBoxes = parsed.boxes ?? [];
  const option = parsed.option ?? null;
  const isOptionRight = context.truthOption === null ? null : option === context.truthOption;
  const sections = splitCompletion(completion.text);
  const overlap = overlapOf(completion, segments, predictedBoxes, context);
  const name = context.names?.[k] ?? rolloutName(completion, k);
  const view = {
    k,
    name,
    record: completion,
    sections,
    segments,
    boxes: timedBoxes(predictedBoxes, boxTimes(predictedBoxes, context)),
    positionIous: context.truthBoxes.length === 0 ? [] : boxIous(predictedBoxes, context.truthBoxes),
    overlap,
    option,
    isOptionRight,
    strength:
      context.names !== null ? 1 : context.largestAdvantage > 0 ? completion.advantage / context.largestAdvantage : 0,
    problems: parsed.failures.map(failureText),
    contradictions: contradictions(
      { sections, segments, firstBox: predictedBoxes[0] ?? null, option },
      { ...mentionOptions(context.record), question: context.record.question },
    ),
  };
  return { ...view, spoken: spokenSummary(view, context) };
}

function rolloutName({ advantage }: CompletionRecord, k: number): CompletionName {
  const tone = advantage > 0 ? "positive" : advantage < 0 ? "negative" : "neutral";
  return { label: String(k + 1), title: t("Rollout {0}", k + 1), tone };
}

/** Times of the positions of a track. */
function boxTimes(predicted: readonly BoundingBox[], { truthBoxes, durationSec }: Context): readonly number[] {
  if (truthBoxes.length > 0) return truthBoxes.map(({ timestampSec }) => timestampSec);
  return predicted.map((_, i) => (i * durationSec) / Math.max(1, predicted.length - 1));
}

/** The engine's own value when it scored one; else computed here from the parsed answer. */
function overlapOf(
  completion: CompletionRecord,
  segments: readonly Segment[],
  boxes: readonly BoundingBox[],
  context: Context,
): Overlap | null {
  const scored = (name: string): number | null =>
    completion.rewards.find((part) => part.name === name && part.value !== null)?.value ?? null;
  if (context.truthSegments.length > 0) {
    const value = scored("tiou") ?? segmentsIou(segments, context.truthSegments);
    return { name: "tIoU", value };
  }
  if (context.truthBoxes.length > 0) {
    return { name: "IoU", value: scored("box-iou") ?? mean(boxIous(boxes, context.truthBoxes)) };
  }
  return null;
}

function timedBoxes(predicted: readonly BoundingBox[], timesSec: readonly number[]): readonly TimedBox[] {
  return timesSec.flatMap((timestampSec, index) => {
    const box = predicted[index];
    return box === undefined ? [] : [{ timestampSec, box }];
  });
}

function buildOptions(
  texts: readonly string[],
  truthOption: string | null,
  completions: readonly CompletionView[],
): readonly OptionView[] {
  return texts.map((text, index) => {
    const letter = String.fromCharCode("A".charCodeAt(0) + index);
    return {
      letter,
      text: text.replace(/^\(?[A-Z][).:]\s*/, ""),
      isTruth: letter === truthOption,
      chosenBy: completions.filter((completion) => completion.option === letter).map((completion) => completion.k),
    };
  });
}

/** The axis reaches the end of the video, or of the truth when an annotation goes beyond it. */
function axisEnd(record: GroupRecord, truthSegments: readonly Segment[]): number {
  const { durationSec = record.durationSec ?? 0, timestampsSec = [] } = record.video ?? {};
  return Math.max(durationSec, timestampsSec.at(-1) ?? 0, ...truthSegments.map((segment) => segment.endSec));
}

type SpokenParts = Omit<CompletionView, "spoken" | "sections" | "strength" | "positionIous">;

function spokenSummary(view: SpokenParts, { names, record: { completions } }: Context): string {
  const { reward, advantage } = view.record;
  const parts =
    names !== null
      ? [view.name.title]
      : [
          t("Rollout {0} of {1}", view.k + 1, completions.length),
          reward === null ? t("dropped") : t("reward {0}", formatNumber(reward)),
          t("advantage {0}", formatSigned(advantage)),
        ];
  if (view.option !== null) parts.push(spokenOption(view.option, view.isOptionRight));
  if (view.segments.length > 0) {
    const text = formatSegments(view.segments);
    parts.push(view.segments.length === 1 ? t("segment {0}", text) : t("segments {0}", text));
  }
  if (view.boxes.length > 0) parts.push(countOf(view.boxes.length, "box"));
  if (view.overlap !== null) parts.push(`${view.overlap.name} ${formatNumber(view.overlap.value)}`);
  if (view.record.finishReason === "length") parts.push(t("cut by length"));
  const said = view.contradictions.map(({ explanation }) => explanation.replace(/\.$/, ""));
  return [...parts, ...view.problems, ...said].join(", ");
}

function spokenOption(option: string, isRight: boolean | null): string {
  if (isRight === null) return t("option {0}", option);
  return isRight ? t("option {0}, right", option) : t("option {0}, wrong", option);
}
