import type { RunSpec } from "../../protocol/spec.ts";
import type { Dataset } from "../data/example.ts";
import type { TemplateTexts } from "../tasks/prompt.ts";
import type { VideoFactsByKey } from "./dataLint.ts";
import { lintDataset, lintSharedVideos } from "./dataLint.ts";
import type { DataUse, LintFinding } from "./finding.ts";
import { lintPrompts } from "./promptLint.ts";
import { lintRewards } from "./rewardSpecLint.ts";
import { lintTargets } from "./strictLint.ts";

export interface LintInput {
  readonly spec: RunSpec;
  /** Datasets of `spec.data` and of `spec.evaluate.data`, as read. */
  readonly training: readonly Dataset[];
  readonly evaluation: readonly Dataset[];
  /** Texts of the prompt templates (data/templates.ts). */
  readonly templates?: TemplateTexts;
  /** What probing told about the videos, where it was done. */
  readonly videos?: VideoFactsByKey;
}

/** Findings about prompts, rewards and data, in this order. Opens no file: what has to be read is given. */
export function lintData({ spec, training, evaluation, templates = {}, videos = new Map() }: LintInput): LintFinding[] {
  const datasets: { readonly dataset: Dataset; readonly usedFor: DataUse }[] = [
    ...training.map((dataset) => ({ dataset, usedFor: "training" }) as const),
    ...evaluation.map((dataset) => ({ dataset, usedFor: "evaluation" }) as const),
  ];
  return [
    ...lintPrompts(spec, templates),
    ...lintRewards(spec),
    ...lintSharedVideos(training, evaluation),
    ...datasets.flatMap(({ dataset, usedFor }) => [
      ...lintDataset(dataset, { usedFor, videos, video: spec.video }),
      ...lintTargets(spec, dataset, usedFor),
    ]),
  ];
}
