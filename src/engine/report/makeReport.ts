import { compareEvaluations } from "../evaluate/compare.ts";
import { readEvaluationFile } from "../store/answers.ts";
import { findEvaluationFile } from "../store/evaluationFiles.ts";
import type { FfmpegSource } from "../video/probe.ts";
import { createFrames } from "./frames.ts";
import { buildReport } from "./report.ts";
import { labelsOf } from "./reportData.ts";

export interface MakeReportOptions {
  /** Files or folders: see findEvaluationFile. */
  readonly places: readonly string[];
  readonly ffmpeg: FfmpegSource;
  readonly cacheDir: string;
  readonly videoRftVersion: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The report of some evaluations as one page; the last is compared with the first. Frames that cannot be shown leave a note.
 * @throws UserError not-found, bad-record, bad-data when the evaluations are of different questions, cancelled.
 */
export async function makeReport(options: MakeReportOptions): Promise<string> {
  const files = options.places.map(findEvaluationFile);
  const records = await Promise.all(files.map(readEvaluationFile));
  const labels = labelsOf(records.map(({ step }, i) => ({ file: files[i] ?? "", step })));
  const evaluations = records.map((record, i) => ({ record, file: files[i] ?? "", label: labels[i] ?? "" }));
  const [first, last] = [records[0], records.at(-1)];
  if (first === undefined || last === undefined) throw new Error("internal: a report of no evaluations");
  const comparison = records.length === 1 ? null : await compareEvaluations(first, last);
  const { ffmpeg, cacheDir, signal } = options;
  const framesAt = createFrames({ ffmpeg, cacheDir, signal, video: last.settings["video"] });
  return buildReport({ evaluations, comparison, versions: { videoRft: options.videoRftVersion } }, framesAt);
}
