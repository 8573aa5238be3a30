import { mean } from "../../metrics/statistics.ts";
import { specFinding, type LintFinding } from "../finding.ts";
import { setFix } from "../setFix.ts";
import type { SpecFix } from "../../../protocol/diagnostics.ts";
import { basisOf, percent, short, stepsText, type RunEvidence } from "./evidence.ts";
import { thresholds } from "./thresholds.ts";
import { changeOf, isClear, median } from "./trends.ts";

/** What the updates do to the policy: KL to the reference, clipped ratios, entropy. */
export function lintRunUpdates(run: RunEvidence): LintFinding[] {
  return [...lintKl(run), ...lintRatio(run), ...lintEntropy(run)];
}

interface Point {
  readonly step: number;
  readonly value: number;
}

function series({ metrics }: RunEvidence, key: string): Point[] {
  return metrics.flatMap(({ step, metrics: values }) => {
    const value = values[key];
    // What is not finite is null in JSON.
    return value === undefined ? [] : [{ step, value: typeof value === "number" ? value : NaN }];
  });
}

const slower = ({ spec }: RunEvidence): SpecFix =>
  setFix([{ path: ["grpo", "learningRate"], value: spec.grpo.learningRate / 2 }]);

function lintKl(run: RunEvidence): LintFinding[] {
  const { steps, last, factor, least, most } = thresholds["kl-runaway"];
  const kl = series(run, "kl");
  const broken = kl.find(({ value }) => !Number.isFinite(value));
  const recent = kl.slice(-last);
  const before = median(kl.slice(0, -last).map(({ value }) => value));
  const now = median(recent.map(({ value }) => value));
  const isAway = now > most || (now > least && now > factor * before);
  if (broken === undefined && (kl.length < steps || !isAway)) return [];
  const { spec } = run;
  const found =
    broken === undefined
      ? `The KL divergence to the reference is ${short(now)} a token (median of ${stepsText(recent)}; before that ${short(before)}, ${kl.length} steps)`
      : `The KL divergence to the reference is not a finite number in step ${broken.step}`;
  const message = `${found}: the policy runs away from the model that it started from. Lower learningRate or raise beta.`;
  const path = ["grpo", "beta"];
  const tighter = setFix([{ path, value: spec.grpo.beta * 2 }]);
  const basis = basisOf(spec, path, ["grpo", "learningRate"], ["grpo", "maxGradNorm"]);
  const severity = broken === undefined ? "warning" : "error";
  return [specFinding({ code: "kl-runaway", severity, message, path, fixes: [slower(run), tighter], basis })];
}

function lintRatio(run: RunEvidence): LintFinding[] {
  const { steps, last, share, onPolicy } = thresholds["ratio-clipped"];
  const clipped = series(run, "clip_ratio/region_mean");
  const recent = clipped.slice(-last);
  const now = median(recent.map(({ value }) => value));
  const { numIterations, learningRate } = run.spec.grpo;
  const isOnPolicy = numIterations === 1;
  if (clipped.length < steps || !(now > (isOnPolicy ? onPolicy : share))) return [];
  const found = `${percent(now)} of the tokens are clipped (median of ${stepsText(recent)}, ${clipped.length} steps)`;
  const message = isOnPolicy
    ? `${found} although numIterations is 1 and every ratio should be 1: the trainer's log-probabilities are not the sampler's.`
    : `${found}: they get no gradient, since the policy has moved too far within one batch. Lower learningRate or numIterations.`;
  const path = ["grpo", "numIterations"];
  const fewer = setFix([{ path, value: Math.max(1, Math.floor(numIterations / 2)) }]);
  const fixes = isOnPolicy ? [] : [setFix([{ path: ["grpo", "learningRate"], value: learningRate / 2 }]), fewer];
  const basis = basisOf(run.spec, path, ["grpo", "learningRate"], ["grpo", "epsilon"], ["grpo", "epsilonHigh"]);
  const severity = isOnPolicy ? "error" : "warning";
  return [specFinding({ code: "ratio-clipped", severity, message, path, fixes, basis })];
}

/** Clip-Higher of DAPO: epsilon_low 0.2, epsilon_high 0.28. */
const clipHigher = 0.28;

function lintEntropy(run: RunEvidence): LintFinding[] {
  const { steps, last, share, standardErrors } = thresholds["entropy-collapse"];
  const entropy = series(run, "entropy").filter(({ value }) => Number.isFinite(value));
  const [early, late] = [entropy.slice(0, last), entropy.slice(-last)];
  const values = (points: readonly Point[]): number[] => points.map(({ value }) => value);
  const change = entropy.length < steps ? null : changeOf(values(early), values(late));
  if (change === null || !isClear(change, standardErrors)) return [];
  if (change.late.mean > share * change.early.mean) return [];
  const { epsilon, epsilonHigh, numIterations } = run.spec.grpo;
  const message =
    `The entropy is ${short(mean(values(late)))} a token (${stepsText(late)}), ${percent(change.late.mean / change.early.mean)} of what it was (${short(change.early.mean)}, ${stepsText(early)}): ` +
    "the policy tries nothing new, and the reward will stop rising. Lower learningRate.";
  const path = ["grpo", "temperature"];
  const isTight = numIterations > 1 && (epsilonHigh ?? epsilon) < clipHigher;
  const higher = setFix([{ path: ["grpo", "epsilonHigh"], value: clipHigher }]);
  const fixes = [slower(run), ...(isTight ? [higher] : [])];
  const basis = basisOf(run.spec, path, ["grpo", "learningRate"], ["grpo", "epsilonHigh"], ["grpo", "beta"]);
  return [specFinding({ code: "entropy-collapse", severity: "warning", message, path, fixes, basis })];
}
