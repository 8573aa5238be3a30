import type { TaskId } from "../../../protocol/tasks.ts";
import { mean } from "../../metrics/statistics.ts";
import { specFinding, type LintFinding } from "../finding.ts";
import { setFix } from "../setFix.ts";
import { basisOf, percent, short, stepsText, type RunEvidence } from "./evidence.ts";
import type { GroupStats } from "./groupStats.ts";
import type { GroupTexts } from "./textStats.ts";
import { thresholds } from "./thresholds.ts";

/** Groups without a gradient, and groups whose completions are the same. */
export function lintRunGroups(run: RunEvidence): LintFinding[] {
  return [...lintFlat(run), ...lintDuplicates(run)];
}

function lintFlat({ spec, groups }: RunEvidence): LintFinding[] {
  const { groups: fewest, steps, share } = thresholds["zero-variance-groups"];
  const last = groups.at(-1)?.step ?? 0;
  const recent = groups.filter(({ step, size }) => step > last - steps && size > 1);
  const flat = recent.filter(({ isFlat }) => isFlat);
  if (recent.length < fewest || flat.length < share * recent.length) return [];
  const { groupSize, temperature } = spec.grpo;
  const success = successOf(recent);
  const count = (isOf: (group: GroupStats) => boolean): number => flat.filter(isOf).length;
  const right = count(({ outcome }) => outcome !== null && outcome.right === outcome.count);
  const wrong = count(({ outcome }) => outcome !== null && outcome.right === 0);
  const kinds = success === null ? "" : `: ${wrong} all wrong, ${right} all right`;
  const sampledSize = Math.round(mean(recent.map(({ size }) => size))); // dropped rollouts are missing
  const larger = success === null ? null : flatShare(2 * groupSize, success);
  const expected =
    success === null
      ? ""
      : ` At a success rate of ${short(success.rate)}, ${percent(flatShare(sampledSize, { ...success, correlation: 0 }))} are expected of ${sampledSize} completions if all prompts were equally hard (p^G + (1-p)^G).`;
  const advice =
    larger === null || larger < helpfulShare * (flat.length / recent.length)
      ? " Raise groupSize, or leave out prompts that are always right or wrong."
      : ` Prompts differ too much for larger groups to help (about ${percent(larger)} at ${2 * groupSize}): leave out those that are always right or wrong.`;
  const message = `${flat.length} of the last ${recent.length} groups (${percent(flat.length / recent.length)}, ${stepsText(recent)}) have equal rewards and give no gradient${kinds}.${expected}${advice}`;
  const grow = setFix([{ path: ["grpo", "groupSize"], value: 2 * groupSize }]);
  const about = larger === null ? "" : ` (about ${percent(larger)} of the groups would be all right or all wrong)`;
  const fixes = [
    { ...grow, title: `${grow.title}${about}` },
    ...(temperature < 1 ? [setFix([{ path: ["grpo", "temperature"], value: 1 }])] : []),
  ];
  const basis = basisOf(spec, ["grpo", "groupSize"], ["grpo", "temperature"]);
  const path = ["grpo", "groupSize"];
  return [specFinding({ code: "zero-variance-groups", severity: "warning", message, path, fixes, basis })];
}

/** Twice the completions a group cost twice as much: worth while if a fifth of the lost groups comes back. */
const helpfulShare = 0.8;

/** Success rate of completions, and how alike those of one prompt are (0: all prompts are equally hard). */
export interface Success {
  readonly rate: number;
  readonly correlation: number;
}

/** By moments: the variance of the groups' rates beyond that of a binomial. null when nothing says what is right. */
export function successOf(groups: readonly Pick<GroupStats, "outcome">[]): Success | null {
  const outcomes = groups.flatMap(({ outcome }) => (outcome === null ? [] : [outcome]));
  const count = outcomes.reduce((sum, outcome) => sum + outcome.count, 0);
  if (outcomes.length < 2) return null;
  const rate = outcomes.reduce((sum, { right }) => sum + right, 0) / count;
  const size = count / outcomes.length;
  const variance = outcomes.reduce((sum, o) => sum + (o.right / o.count - rate) ** 2, 0) / (outcomes.length - 1);
  const spread = rate * (1 - rate);
  if (spread === 0 || size <= 1) return { rate, correlation: spread === 0 ? 0 : 1 };
  const correlation = (variance / spread - 1 / size) / (1 - 1 / size);
  return { rate, correlation: Math.min(1, Math.max(0, correlation)) };
}

/**
 * Expected share of groups that are all right or all wrong: p^G + (1-p)^G for equally hard prompts, else the same for a
 * beta-binomial distribution with this rate and correlation.
 */
export function flatShare(groupSize: number, { rate, correlation }: Success): number {
  if (correlation >= 1) return 1;
  let [right, wrong] = [1, 1];
  for (let i = 0; i < groupSize; i++) {
    // Probability that one more completion is like those before it; Pólya's urn.
    const weight = correlation / (1 - correlation + correlation * i);
    const more = (1 - correlation) / (1 - correlation + correlation * i);
    right *= rate * more + i * weight;
    wrong *= (1 - rate) * more + i * weight;
  }
  return right + wrong;
}

/** A letter, a label or two times have few spellings: without reasoning, right answers repeat each other. */
const shortAnswers: ReadonlySet<TaskId> = new Set([
  "temporal-grounding",
  "grounded-qa",
  "multiple-choice",
  "classification",
]);

function lintDuplicates({ spec, texts }: RunEvidence): LintFinding[] {
  const { groups: fewest, share } = thresholds["duplicate-completions"];
  const isShort = ({ task, think }: GroupTexts): boolean => !think && shortAnswers.has(task);
  const groups = texts.flatMap((text) => text.groups).filter((group) => group.size > 1 && !isShort(group));
  const size = groups.reduce((sum, group) => sum + group.size, 0);
  const repeated = groups.reduce((sum, group) => sum + group.size - group.distinct, 0);
  if (groups.length < fewest || repeated < share * size) return [];
  const { temperature, topP, topK } = spec.grpo;
  const message =
    `${percent(repeated / size)} of ${size} completions repeat another one of their group word for word (${groups.length} groups that were read, ${stepsText(groups)}): ` +
    "they cost as much as others and say nothing new. Raise temperature.";
  const wider = [
    ...(temperature < 1 ? [{ path: ["grpo", "temperature"], value: 1 }] : []),
    ...(topP < 1 ? [{ path: ["grpo", "topP"], value: 1 }] : []),
    ...(topK > 0 ? [{ path: ["grpo", "topK"], value: 0 }] : []),
  ];
  const hotter = [{ path: ["grpo", "temperature"], value: Number((temperature + 0.2).toFixed(2)) }];
  const fixes = [setFix(wider.length > 0 ? wider : hotter)];
  const basis = basisOf(spec, ["grpo", "temperature"], ["grpo", "topP"], ["grpo", "topK"]);
  const path = ["grpo", "temperature"];
  return [specFinding({ code: "duplicate-completions", severity: "warning", message, path, fixes, basis })];
}
