import type { Segment } from "../../protocol/tasks.ts";
import type { Dataset, Example } from "../data/example.ts";
import type { DataUse, LintFinding } from "./finding.ts";

/** What probing a video file told; `seenTimestampsSec` are the times of the frames that the policy would see. */
export type VideoFacts =
  | { readonly ok: true; readonly durationSec: number; readonly seenTimestampsSec?: readonly number[] | undefined }
  | { readonly ok: false; readonly message: string };

/** By absolute path, as in Example.videoPath. Videos that are not in it were not probed. */
export type VideoFactsByPath = ReadonlyMap<string, VideoFacts>;

/** What reading reported, then what each example shows beside the facts about its video. */
export function lintDataset(dataset: Dataset, usedFor: DataUse, videos: VideoFactsByPath): LintFinding[] {
  const read = dataset.problems.map(({ code, isKept, datasetId, example, message }): LintFinding => ({
    code,
    severity: isKept && code !== "missing-video" ? "warning" : "error",
    usedFor,
    dataset: datasetId,
    example,
    message,
  }));
  if (dataset.examples.length === 0) {
    const message = `Dataset ${dataset.id} has no row that can be used.`;
    read.push({ code: "empty-dataset", severity: "error", usedFor, dataset: dataset.id, example: null, message });
  }
  const missing = new Set(dataset.problems.filter((p) => p.code === "missing-video").map((p) => p.example));
  const probed = dataset.examples.flatMap((example) => {
    const facts = videos.get(example.videoPath);
    return facts === undefined || missing.has(example.id) ? [] : lintExample(example, usedFor, facts);
  });
  // Assumed box times say nothing about the video.
  const assumed = new Set(dataset.problems.filter((p) => p.code === "unknown-box-times").map((p) => p.example));
  return [...read, ...probed.filter((f) => f.code !== "box-time-beyond-video" || !assumed.has(f.example))];
}

/** Videos that an evaluation dataset shares with the training data: its scores would not be of held-out videos. */
export function lintSharedVideos(training: readonly Dataset[], evaluation: readonly Dataset[]): LintFinding[] {
  const trained = new Set(training.flatMap((d) => d.examples.map((e) => e.videoPath)));
  return evaluation.flatMap((dataset) => {
    const shared = new Set(dataset.examples.map((e) => e.videoPath).filter((p) => trained.has(p)));
    const [first] = shared;
    if (first === undefined) return [];
    const message = `${shared.size} of the videos of ${dataset.id} are in the training data too, e.g. ${first}; its scores are not of held-out videos.`;
    return [
      {
        code: "same-video",
        severity: "warning",
        usedFor: "evaluation",
        dataset: dataset.id,
        example: null,
        message,
      } as const,
    ];
  });
}

function lintExample(example: Example, usedFor: DataUse, facts: VideoFacts): LintFinding[] {
  const report = (code: LintFinding["code"], severity: LintFinding["severity"], message: string): LintFinding => ({
    code,
    severity,
    usedFor,
    dataset: example.datasetId,
    example: example.id,
    message,
  });
  if (!facts.ok) return [report("unreadable-video", "error", facts.message)];
  const findings: LintFinding[] = [];
  const { durationSec, seenTimestampsSec } = facts;
  const annotatedSec = example.durationSec;
  if (annotatedSec !== null && Math.abs(annotatedSec - durationSec) > Math.max(0.5, 0.02 * durationSec)) {
    const message = `The annotated duration is ${sec(annotatedSec)}, the video lasts ${sec(durationSec)}.`;
    findings.push(report("duration-differs", "warning", message));
  }
  for (const segment of segmentsOf(example)) {
    // Annotations round to a tenth; what reading reported against the annotated duration is not repeated.
    if (segment.endSec > durationSec + 0.1 && !(annotatedSec !== null && segment.endSec > annotatedSec)) {
      const message = `The true segment ends at ${sec(segment.endSec)}, the video lasts ${sec(durationSec)}.`;
      findings.push(report("truth-beyond-video", "warning", message));
    }
    if (
      seenTimestampsSec !== undefined &&
      !seenTimestampsSec.some((t) => t >= segment.startSec && t <= segment.endSec)
    ) {
      const message = `The true segment from ${sec(segment.startSec)} to ${sec(segment.endSec)} lies between the sampled frames; the policy cannot see it. Raise "fps" or "maxFrames".`;
      findings.push(report("segment-between-frames", "warning", message));
    }
  }
  const lastBoxSec = example.truth.task === "tracking" ? example.truth.boxes.at(-1)?.timestampSec : undefined;
  if (lastBoxSec !== undefined && lastBoxSec > durationSec + 0.1) {
    const message = `The last true box is at ${sec(lastBoxSec)}, the video lasts ${sec(durationSec)}.`;
    findings.push(report("box-time-beyond-video", "warning", message));
  }
  return findings;
}

function segmentsOf({ truth }: Example): readonly Segment[] {
  if (truth.task === "temporal-grounding") return [truth.segment];
  return truth.task === "grounded-qa" ? truth.segments : [];
}

function sec(value: number): string {
  return `${Number(value.toFixed(2))} s`;
}
