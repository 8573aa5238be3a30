import type { SpecFix } from "../../../protocol/diagnostics.ts";
import { rewardKey } from "../../../protocol/rewardSpec.ts";
import type { RunSpec } from "../../../protocol/spec.ts";
import { specFinding, type LintFinding } from "../finding.ts";
import { setFix } from "../setFix.ts";
import { basisOf, percent, short, stepsText, type RunEvidence } from "./evidence.ts";
import type { GroupStats } from "./groupStats.ts";
import { thresholds } from "./thresholds.ts";
import { changeOf, isClear, thirds, type Change } from "./trends.ts";

/** Completions that reach the limit, or get longer or shorter. */
export function lintRunLengths(run: RunEvidence): LintFinding[] {
  return [...lintTruncated(run), ...lintDrift(run)];
}

function lintTruncated({ spec, groups }: RunEvidence): LintFinding[] {
  const { rollouts: fewest, steps, share } = thresholds["truncated-completions"];
  const last = groups.at(-1)?.step ?? 0;
  const recent = groups.filter(({ step, meanTokens }) => step > last - steps && meanTokens !== null);
  const rollouts = recent.reduce((sum, { size }) => sum + size, 0);
  const near = recent.reduce((sum, { nearLimit }) => sum + nearLimit, 0);
  if (rollouts < fewest || near < share * rollouts) return [];
  const { maxCompletionLength } = spec.grpo;
  const message =
    `${near} of the last ${rollouts} completions (${percent(near / rollouts)}, ${stepsText(recent)}) reach maxCompletionLength ${maxCompletionLength} or come within 5 % of it: ` +
    "an answer that is cut off earns nothing. Raise maxCompletionLength, or ask for shorter reasoning.";
  const path = ["grpo", "maxCompletionLength"];
  const fixes = [setFix([{ path, value: 2 * maxCompletionLength }])];
  const basis = basisOf(spec, path);
  return [specFinding({ code: "truncated-completions", severity: "warning", message, path, fixes, basis })];
}

/** Of the tasks whose length has changed clearly, the one with the largest factor. */
function lintDrift({ spec, groups }: RunEvidence): LintFinding[] {
  const { groups: fewest, standardErrors, factor } = thresholds["length-drift"];
  const drifts = [...new Set(groups.map(({ task }) => task))].flatMap((task) => {
    const { early, late } = thirds(groups.filter((group) => group.task === task && group.meanTokens !== null));
    const change = changeOf(lengths(early), lengths(late));
    if (change === null || Math.min(early.length, late.length) < fewest || !isClear(change, standardErrors)) return [];
    const ratio = change.late.mean / change.early.mean;
    return ratio >= factor || ratio <= 1 / factor ? [{ task, change, ratio, early, late }] : [];
  });
  const [drift] = drifts.sort((a, b) => Math.abs(Math.log(b.ratio)) - Math.abs(Math.log(a.ratio)));
  if (drift === undefined) return [];
  const { task, change, early, late } = drift;
  const isLonger = change.difference > 0;
  const message =
    `Completions of ${task} get ${isLonger ? "longer" : "shorter"}: ${tokensText(change)} tokens (means of ${stepsText(early)} and ${stepsText(late)}, ${early.length} and ${late.length} groups). ` +
    (isLonger
      ? "See whether right answers do too, or only the reasoning."
      : "See whether the reasoning still says anything.");
  const path = ["grpo", "lossType"];
  const basis = basisOf(spec, path, ["rewards"]);
  const fixes = driftFixes(spec, isLonger);
  return [specFinding({ code: "length-drift", severity: "warning", message, path, fixes, basis })];
}

function driftFixes({ grpo, rewards }: RunSpec, isLonger: boolean): SpecFix[] {
  const unbiased = { kind: "set", path: ["grpo", "lossType"], value: "dr_grpo" } as const;
  const { maxCompletionLength } = grpo;
  const value = { name: "overlong", maxTokens: maxCompletionLength, bufferTokens: Math.ceil(maxCompletionLength / 4) };
  const isBiased = grpo.lossType === "grpo";
  const isPunished = rewards.some((reward) => rewardKey(reward) === "overlong");
  return [
    ...(isBiased ? [{ title: "Set grpo.lossType to dr_grpo (no length bias)", edits: [unbiased] }] : []),
    ...(isLonger && !isPunished
      ? [{ title: 'Add the reward "overlong"', edits: [{ kind: "add", path: ["rewards"], value } as const] }]
      : []),
  ];
}

function lengths(groups: readonly GroupStats[]): number[] {
  return groups.flatMap(({ meanTokens }) => meanTokens ?? []);
}

function tokensText({ early, late }: Change): string {
  return `${short(early.mean)} ± ${short(early.stdError)}, then ${short(late.mean)} ± ${short(late.stdError)}`;
}
