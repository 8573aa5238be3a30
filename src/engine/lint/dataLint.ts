import type { DiagnosticCode, DiagnosticSeverity, SpecFix } from "../../protocol/diagnostics.ts";
import type { VideoSpec } from "../../protocol/spec.ts";
import type { Segment } from "../../protocol/tasks.ts";
import { shownKey } from "../../protocol/video.ts";
import type { DataProblem, Dataset, Example, JsonPath } from "../data/example.ts";
import { datasetPath, type DataUse, type LintFinding } from "./finding.ts";
import { framesFix, pixelsFix } from "./framesFix.ts";

/** Pixels of a frame. */
export interface FrameSize {
  readonly widthPx: number;
  readonly heightPx: number;
}

/** What the policy would see of a video. */
export interface SeenFrames {
  readonly timestampsSec: readonly number[];
  /** After resizing. */
  readonly size: FrameSize;
  /** Side of the square of pixels that a visual token of the policy stands for. */
  readonly tokenPx: number;
}

/** What probing told of what is shown of a video: its length and times are the clip's. `source` is the size as displayed. */
export type VideoFacts =
  | {
      readonly ok: true;
      readonly durationSec: number;
      readonly seen?: SeenFrames | undefined;
      readonly source?: FrameSize | undefined;
    }
  | { readonly ok: false; readonly message: string };

/** By shownKey, which is the path for whole files. Videos that are not in it were not probed. */
export type VideoFactsByKey = ReadonlyMap<string, VideoFacts>;

export interface DataLintInput {
  readonly usedFor: DataUse;
  readonly videos: VideoFactsByKey;
  readonly video: VideoSpec;
}

/** Kept rows that no number can be trusted of. */
const seriousProblems: readonly DataProblem["code"][] = ["missing-video", "boxes-in-pixels"];

/** What reading reported, then what each example shows beside the facts about its video. */
export function lintDataset(dataset: Dataset, input: DataLintInput): LintFinding[] {
  const { usedFor, videos } = input;
  const common = { usedFor, dataset: dataset.id, fixes: [], basis: [] };
  const read = dataset.problems.map(({ code, isKept, example, message, path }): LintFinding => {
    const severity = isKept && !seriousProblems.includes(code) ? "warning" : "error";
    return { code, severity, example, message, place: { kind: "row", path }, ...common };
  });
  if (dataset.examples.length === 0) {
    const message = `Dataset ${dataset.id} has no row that can be used.`;
    const place = { kind: "spec", path: datasetPath(usedFor, dataset.id) } as const;
    read.push({ code: "empty-dataset", severity: "error", example: null, message, place, ...common });
  }
  const missing = new Set(dataset.problems.filter((p) => p.code === "missing-video").map((p) => p.example));
  const probed = dataset.examples.flatMap((example) => {
    const facts = videos.get(shownKey(example));
    if (facts === undefined || missing.has(example.id)) return [];
    return lintExample(example, facts, input, dataset.places.get(example.id) ?? []);
  });
  // Assumed box times say nothing about the video.
  const assumed = new Set(dataset.problems.filter((p) => p.code === "unknown-box-times").map((p) => p.example));
  return [...read, ...probed.filter((f) => !ofBoxTimes.includes(f.code) || !assumed.has(f.example))];
}

const ofBoxTimes: readonly DiagnosticCode[] = ["box-time-beyond-video", "boxes-share-frame"];

/** Videos that an evaluation dataset shares with the training data: its scores would not be of held-out videos. */
export function lintSharedVideos(training: readonly Dataset[], evaluation: readonly Dataset[]): LintFinding[] {
  const trained = new Set(training.flatMap((d) => d.examples.map((e) => e.videoPath)));
  return evaluation.flatMap((dataset) => {
    const shared = new Set(dataset.examples.map((e) => e.videoPath).filter((p) => trained.has(p)));
    const [first] = shared;
    if (first === undefined) return [];
    const message = `${shared.size} of the videos of ${dataset.id} are in the training data too, e.g. ${first}; its scores are not of held-out videos.`;
    const place = { kind: "spec", path: datasetPath("evaluation", dataset.id) } as const;
    const about = { dataset: dataset.id, example: null, usedFor: "evaluation", fixes: [], basis: [] } as const;
    return [{ code: "same-video", severity: "warning", message, place, ...about }];
  });
}

type Report = (
  code: DiagnosticCode,
  message: string,
  fixes?: readonly SpecFix[],
  severity?: DiagnosticSeverity,
) => void;

function lintExample(example: Example, facts: VideoFacts, input: DataLintInput, path: JsonPath): LintFinding[] {
  const findings: LintFinding[] = [];
  const { datasetId: dataset, id } = example;
  const report: Report = (code, message, fixes = [], severity = "warning") => {
    const place = { kind: "row", path } as const;
    const { usedFor } = input;
    findings.push({ code, severity, usedFor, dataset, example: id, message, place, fixes, basis: [] });
  };
  if (!facts.ok) {
    const skip = { kind: "set", path: ["video", "onBadVideo"], value: "skip" } as const;
    const fixes =
      input.video.onBadVideo === "fail" ? [{ title: "Skip videos that cannot be read", edits: [skip] }] : [];
    report("unreadable-video", facts.message, fixes, "error");
    return findings;
  }
  lintTimes(example, facts, input.video, report);
  if (facts.seen !== undefined) lintBoxes(example, { ...facts, seen: facts.seen }, input.video, report);
  return findings;
}

type ReadableVideo = Extract<VideoFacts, { ok: true }>;

function lintTimes(example: Example, { durationSec, seen }: ReadableVideo, video: VideoSpec, report: Report): void {
  const annotatedSec = example.durationSec;
  if (annotatedSec !== null && Math.abs(annotatedSec - durationSec) > Math.max(0.5, 0.02 * durationSec)) {
    report("duration-differs", `The annotated duration is ${sec(annotatedSec)}, the video lasts ${sec(durationSec)}.`);
  }
  for (const segment of segmentsOf(example)) {
    const { startSec, endSec } = segment;
    // Annotations round to a tenth; what reading reported against the annotated duration is not repeated.
    if (endSec > durationSec + 0.1 && !(annotatedSec !== null && endSec > annotatedSec)) {
      report("truth-beyond-video", `The true segment ends at ${sec(endSec)}, the video lasts ${sec(durationSec)}.`);
    }
    if (seen !== undefined && !seen.timestampsSec.some((t) => t >= startSec && t <= endSec)) {
      const message = `The true segment from ${sec(startSec)} to ${sec(endSec)} lies between the sampled frames; the policy cannot see it. Raise "fps" or "maxFrames".`;
      report("segment-between-frames", message, framesFix(endSec - startSec, durationSec, video));
    }
  }
  const lastBoxSec = example.truth.task === "tracking" ? example.truth.boxes.at(-1)?.timestampSec : undefined;
  if (lastBoxSec !== undefined && lastBoxSec > durationSec + 0.1) {
    report("box-time-beyond-video", `The last true box is at ${sec(lastBoxSec)}, the video lasts ${sec(durationSec)}.`);
  }
}

function lintBoxes(
  { truth }: Example,
  { durationSec, seen, source }: ReadableVideo & { readonly seen: SeenFrames },
  video: VideoSpec,
  report: Report,
): void {
  if (truth.task !== "tracking") return;
  const times = truth.boxes.map(({ timestampSec }) => timestampSec);
  const frames = times.map((time) => nearestFrame(seen.timestampsSec, time));
  const second = frames.findIndex((frame, i) => i > 0 && frame === frames[i - 1]);
  if (second > 0) {
    const [a = 0, b = 0] = times.slice(second - 1);
    const message =
      `The true boxes at ${sec(a)} and ${sec(b)} have the same nearest frame, at ${sec(seen.timestampsSec[frames[second] ?? 0] ?? 0)}: ` +
      `the policy sees ${seen.timestampsSec.length} frames and is asked for ${times.length} boxes.`;
    report("boxes-share-frame", message, framesFix((b - a) * 0.99, durationSec, video));
  }
  const sidesPx = truth.boxes.map(({ box }) =>
    Math.max((box.x1 - box.x0) * seen.size.widthPx, (box.y1 - box.y0) * seen.size.heightPx),
  );
  const smallest = sidesPx.indexOf(Math.min(...sidesPx));
  const { size, tokenPx } = seen;
  const boxPx = sidesPx[smallest] ?? tokenPx;
  if (boxPx >= tokenPx) return;
  const fixes = pixelsFix(boxPx, tokenPx, { ...size, frames: seen.timestampsSec.length }, source ?? size, video);
  const message =
    `The true box ${smallest} is at most ${boxPx.toFixed(1)} px wide and high in frames of ${size.widthPx}x${size.heightPx}, ` +
    `less than a visual token of ${tokenPx}x${tokenPx} px. ` +
    (fixes.length > 0 ? 'Raise "maxPixels" or "totalPixels".' : "The video itself is too small to mend that.");
  report("box-below-patch", message, fixes, fixes.length > 0 ? "warning" : "info");
}

function nearestFrame(timestampsSec: readonly number[], timeSec: number): number {
  let nearest = 0;
  timestampsSec.forEach((t, i) => {
    if (Math.abs(t - timeSec) < Math.abs((timestampsSec[nearest] ?? 0) - timeSec)) nearest = i;
  });
  return nearest;
}

function segmentsOf({ truth }: Example): readonly Segment[] {
  if (truth.task === "temporal-grounding") return [truth.segment];
  return truth.task === "grounded-qa" ? truth.segments : [];
}

function sec(value: number): string {
  return `${Number(value.toFixed(2))} s`;
}
