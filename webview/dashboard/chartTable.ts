import { t } from "@vscode/l10n";
import type { DashboardRun } from "../../src/protocol/dashboard.ts";
import type { Unit } from "./units.ts";

/** One chart: the same quantity of all runs. */
export interface ChartSpec {
  /** A column of the curves, or a score of the evaluations. */
  readonly source: "curve" | "score";
  readonly key: string;
  readonly title: string;
  readonly unit: Unit;
  /** What the quantity is, and which way is good. */
  readonly help: string;
}

export interface ChartSection {
  readonly id: string;
  readonly title: string;
  readonly charts: readonly ChartSpec[];
  /** Folded at first. */
  readonly isFolded: boolean;
}

type Known = readonly [key: string, title: string, unit: Unit, help: string];

const reward: readonly Known[] = [
  ["reward", t("Mean reward"), "number", t("Weighted sum of the rewards, the mean over groups.")],
  [
    "reward_std",
    t("Reward spread within groups"),
    "number",
    t("Mean standard deviation of the rewards in a group. Without spread there is nothing to learn from."),
  ],
  [
    "frac_reward_zero_std",
    t("Groups without spread"),
    "share",
    t("Share of groups whose completions all have the same reward: they give no gradient."),
  ],
];

const policy: readonly Known[] = [
  [
    "kl",
    t("KL to the reference policy"),
    "number",
    t("Mean over tokens (K3 estimator). A run away from 0 is a warning."),
  ],
  ["entropy", t("Entropy"), "number", t("Mean over tokens, in nats. Near 0 the policy no longer explores.")],
  [
    "clip_ratio/region_mean",
    t("Clipped tokens"),
    "share",
    t("Share of tokens whose ratio was outside the clipping range."),
  ],
  ["clip_ratio/low_mean", t("Clipped tokens, low"), "share", t("Ratio under the range, with a negative advantage.")],
  ["clip_ratio/high_mean", t("Clipped tokens, high"), "share", t("Ratio over the range, with a positive advantage.")],
  ["loss", t("Loss"), "number", t("In GRPO its value says little: look at the reward.")],
  ["grad_norm", t("Gradient norm"), "number", t("Before it is clipped.")],
  ["learning_rate", t("Learning rate"), "number", t("As the schedule has it.")],
];

const completions: readonly Known[] = [
  ["completions/mean_length", t("Completion length"), "tokens", t("Mean over completions.")],
  ["completions/clipped_ratio", t("Completions cut by length"), "share", t("Share that ended without an end token.")],
  ["failed_prompts", t("Failed prompts"), "count", t("Prompts of the step that could not be rolled out.")],
];

const resources: readonly Known[] = [
  ["timings/tokensPerSec", t("Sampling speed"), "tokensPerSec", t("Completion tokens a second of sampling.")],
  ["timings/stepSec", t("Step time"), "seconds", t("All of a step.")],
  ["timings/sampleSec", t("Sampling time"), "seconds", t("Sampling of the completions of a step.")],
  ["timings/updateSec", t("Update time"), "seconds", t("Forward, backward and optimizer.")],
  ["timings/rewardSec", t("Reward time"), "seconds", t("Calls of the reward functions.")],
  ["timings/decodeSec", t("Decoding time"), "seconds", t("Decoding of videos.")],
  ["timings/rssBytes", t("Memory"), "bytes", t("Resident memory of the process that trains.")],
  ["timings/gpuBytes", t("GPU memory"), "bytes", t("Held on the GPUs by the process that trains.")],
];

const datasetReward = /^(.+)\/reward$/;

/** The charts for what these runs have recorded; a quantity that none of them has gets no chart. */
export function sectionsOf(runs: readonly DashboardRun[]): ChartSection[] {
  const keys = new Set(
    runs.flatMap(({ curves }) =>
      Object.entries(curves.columns).flatMap(([key, values]) => (values.some((value) => value !== null) ? [key] : [])),
    ),
  );
  const take = (known: readonly Known[]): ChartSpec[] =>
    known.flatMap(([key, title, unit, help]) =>
      keys.delete(key) ? [{ source: "curve" as const, key, title, unit, help }] : [],
    );
  const takeAll = (pattern: RegExp, title: (name: string) => string, help: (name: string) => string): ChartSpec[] =>
    [...keys].sort().flatMap((key) => {
      const name = pattern.exec(key)?.[1];
      if (name === undefined || !keys.delete(key)) return [];
      return [{ source: "curve" as const, key, title: title(name), unit: "number" as const, help: help(name) }];
    });
  const parts = takeAll(
    /^rewards\/(.+)\/mean$/,
    (name) => name,
    (name) => t("Mean of the reward {0} over the completions that it applies to.", name),
  );
  const datasets = [...keys].filter((key) => datasetReward.test(key));
  if (datasets.length === 1) keys.delete(datasets[0] ?? ""); // it is the mean reward
  const byDataset = takeAll(
    datasetReward,
    (name) => t("Mean reward on {0}", name),
    (name) => t("Mean reward over the completions of the dataset {0}.", name),
  );
  const sections = [
    section("reward", t("Reward"), [...take(reward), ...byDataset]),
    section("parts", t("Parts of the reward"), parts),
    section("scores", t("Held-out evaluation"), scoreCharts(runs)),
    section("policy", t("Policy"), take(policy)),
    section("completions", t("Completions"), take(completions)),
    section("resources", t("Speed and memory"), take(resources)),
    section("other", t("Other metrics"), otherCharts(keys), true),
  ];
  return sections.filter(({ charts }) => charts.length > 0);
}

function section(id: string, title: string, charts: readonly ChartSpec[], isFolded = false): ChartSection {
  return { id, title, charts, isFolded };
}

function scoreCharts(runs: readonly DashboardRun[]): ChartSpec[] {
  const keys = new Set(runs.flatMap(({ evaluations }) => evaluations.flatMap(({ scores }) => Object.keys(scores))));
  return [...keys].sort().map((key) => ({
    source: "score",
    key,
    title: key,
    unit: "number",
    help: t("Score on held-out data, with its 95 % interval."),
  }));
}

function otherCharts(keys: ReadonlySet<string>): ChartSpec[] {
  return [...keys].sort().map((key) => ({ source: "curve", key, title: key, unit: "number", help: key }));
}
