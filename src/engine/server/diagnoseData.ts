import fs from "node:fs";
import path from "node:path";
import type { Diagnostic } from "../../protocol/diagnostics.ts";
import { UserError } from "../../protocol/errors.ts";
import type { RunSpec } from "../../protocol/spec.ts";
import { readDataset } from "../data/readDataset.ts";
import type { Dataset } from "../data/example.ts";
import { parseSpec } from "../data/specFile.ts";
import { condense } from "../lint/condense.ts";
import { datasetPath, specFinding, type DataUse, type LintFinding } from "../lint/finding.ts";
import { lintData } from "../lint/lintData.ts";
import { locateFfmpeg } from "../video/ffmpeg.ts";
import { pixelFactorOfSpec, probeVideos, videosOf, type VideoMemory } from "./dataFacts.ts";
import { placeFindings } from "./placeFindings.ts";

export interface DiagnoseDataParams {
  readonly specPath: string;
  readonly text: string;
  /** Videos of each dataset that are looked at; null for all. */
  readonly videos: number | null;
  readonly ffmpegPath: string | null;
  /** Kept between calls. */
  readonly memory: VideoMemory;
  readonly signal: AbortSignal;
}

export interface DataDiagnosis {
  readonly diagnostics: readonly Diagnostic[];
  readonly videosSeen: number;
  readonly videosInAll: number;
}

/** What the data of a specification shows, for an editor. Prompts and rewards are checkSpec's. */
export async function diagnoseData(params: DiagnoseDataParams): Promise<DataDiagnosis> {
  const { specPath, text, ffmpegPath, memory, signal } = params;
  const parsed = parseSpec(text);
  if (!parsed.ok) return { diagnostics: [], videosSeen: 0, videosInAll: 0 };
  const { spec } = parsed;
  const baseDir = path.dirname(path.resolve(specPath));
  const training = await readReadable(spec.data, "training", baseDir);
  const evaluation = await readReadable(spec.evaluate.data, "evaluation", baseDir);
  const { all, chosen } = videosOf([...training.datasets, ...evaluation.datasets], params.videos);
  const ffmpeg = () => locateFfmpeg({ settingPath: ffmpegPath });
  const pixelFactor = await pixelFactorOfSpec(spec, baseDir);
  const videos = await probeVideos({ shown: chosen, video: spec.video, pixelFactor, ffmpeg, known: memory, signal });
  const found = lintData({ spec, training: training.datasets, evaluation: evaluation.datasets, videos });
  const ofData = found.filter(({ dataset }) => dataset !== null);
  const findings = [...training.problems, ...evaluation.problems, ...condense(ofData)];
  return {
    diagnostics: placeFindings(findings, spec, baseDir),
    videosSeen: videos.size,
    videosInAll: all.length,
  };
}

/** The datasets that can be read, and what is wrong with the others; files that are not there are told by checkSpec. */
async function readReadable(
  specs: RunSpec["data"],
  usedFor: DataUse,
  baseDir: string,
): Promise<{ datasets: Dataset[]; problems: LintFinding[] }> {
  const datasets: Dataset[] = [];
  const problems: LintFinding[] = [];
  for (const spec of specs) {
    try {
      datasets.push(await readDataset(spec, baseDir));
    } catch (error) {
      if (!UserError.is(error)) throw error;
      if (error.where !== undefined && !fs.existsSync(error.where)) continue;
      const message = `${error.message} ${error.hint ?? ""}`.trim();
      const path = [...datasetPath(usedFor, spec.id), error.code === "bad-spec" ? "task" : "path"];
      problems.push(specFinding({ code: "bad-annotations", severity: "error", message, path }));
    }
  }
  return { datasets, problems };
}
