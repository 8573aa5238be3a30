import fs from "node:fs";
import path from "node:path";
import { UserError } from "../../protocol/errors.ts";
import type { RolloutLine } from "../../protocol/records.ts";
import type { RescoreSummary } from "../../protocol/rescore.ts";
import { rolloutLink } from "../../protocol/rolloutLink.ts";
import { rewardKey, rewardSchema, type RewardSpec } from "../../protocol/rewardSpec.ts";
import type { GrpoSpec } from "../../protocol/spec.ts";
import { acceptScores, rescoreRun } from "../score/rescoreRun.ts";
import { rescore } from "../score/rescore.ts";
import { Scorer } from "../score/scorer.ts";
import { readLines } from "../store/lineFile.ts";
import { readRunRecord } from "../store/readRun.ts";
import { listOption, positional, textOption, UsageError, type CommandInput, type ExitStatus } from "./command.ts";
import { terminalSettings } from "./runCommands.ts";
import { formatTable } from "./text.ts";

/** Scores recorded rollouts again, and says what changes. Rewards come from the run's specification, or are named. */
export async function score(input: CommandInput): Promise<ExitStatus> {
  const { terminal } = input;
  const target = path.resolve(positional(input, 0));
  const isFile = fs.statSync(target, { throwIfNoEntry: false })?.isFile() ?? false;
  const summaries = isFile ? await scoreFile(input, target) : await scoreRun(input, target);
  // A link opens its rollout in the terminal of VS Code.
  const nameOf = (id: string): string => (isFile ? id : rolloutLink(path.basename(target), id));
  terminal.print(formatSummaries(summaries, nameOf));
  terminal.writeDocument({
    rewards: Object.fromEntries(
      summaries.map(({ reward, after, before, rollouts, errors, version }) => [
        reward,
        { mean: after?.mean ?? null, std: after?.std ?? null, errors, rollouts, version, before },
      ]),
    ),
    changed: summaries.reduce((sum, { changed }) => sum + changed, 0),
    advantageSignFlips: summaries.reduce((sum, { advantageSignFlips }) => sum + advantageSignFlips, 0),
    details: summaries,
  });
  return 0;
}

async function scoreRun(input: CommandInput, runDir: string): Promise<RescoreSummary[]> {
  const { terminal, options } = input;
  const { spec } = await readRunRecord(runDir);
  const named = namedRewards(input, spec.rewards);
  const { engineDir, pythonPath, cacheDir } = terminalSettings();
  const summaries: RescoreSummary[] = [];
  for (const reward of named.length > 0 ? named : spec.rewards) {
    const onProgress = ({ rollouts }: RescoreSummary): void =>
      terminal.showLive(`${rewardKey(reward)}: ${rollouts} rollouts`);
    const onLog = (line: string): void => terminal.note(`${rewardKey(reward)}: ${line}`);
    const chosen = { kind: "spec", spec: reward } as const;
    const scored = await rescoreRun({ runDir, reward: chosen, engineDir, pythonPath, cacheDir, onProgress, onLog });
    terminal.showLive("");
    summaries.push(scored.summary);
    if (options["accept"] === true) terminal.note(`Written: ${await acceptScores(runDir, scored)}`);
  }
  return summaries;
}

/** A file of rollout lines, wherever it comes from. */
async function scoreFile(input: CommandInput, file: string): Promise<RescoreSummary[]> {
  if (input.options["accept"] === true) throw new UsageError("--accept: expected a run folder, found a file");
  const rewards = namedRewards(input, []);
  if (rewards.length === 0) throw new UsageError("expected --reward, since a file of rollouts names no rewards");
  const { records } = await readLines("rollout", file);
  const { engineDir, pythonPath, cacheDir } = terminalSettings();
  const onLog = (line: string): void => input.terminal.note(line);
  const summaries: RescoreSummary[] = [];
  for (const reward of rewards) {
    const options = { engineDir, pythonPath, cacheDir, sources: null, onLog };
    const scorer = new Scorer({ ...options, rewards: [reward], baseDir: process.cwd() });
    try {
      const sources = await scorer.open();
      summaries.push((await rescore({ ...stepsOf(records), reward, sources, ...scoring(scorer) })).summary);
    } finally {
      await scorer.close();
    }
  }
  return summaries;
}

function scoring(scorer: Scorer): Pick<Parameters<typeof rescore>[0], "score" | "scaleRewards"> {
  const scaleRewards: GrpoSpec["scaleRewards"] = "group";
  return { score: (groups) => scorer.score(groups), scaleRewards };
}

function stepsOf(lines: readonly RolloutLine[]) {
  const byStep = new Map<number, RolloutLine[]>();
  for (const line of lines) byStep.set(line.step, [...(byStep.get(line.step) ?? []), line]);
  return {
    steps: [...byStep.keys()],
    readStep: (step: number) => Promise.resolve(byStep.get(step) ?? []),
  };
}

/** `--reward NAME`: one of the specification, else a built-in; `--reward FILE:FUNCTION`: a function, of any file. */
function namedRewards(input: CommandInput, known: readonly RewardSpec[]): RewardSpec[] {
  return listOption(input, "reward").map((name) => {
    const ofSpec = known.find((reward) => rewardKey(reward) === name);
    if (ofSpec !== undefined) return ofSpec;
    const [, file, called] = /^(.+\.(?:ts|mts|js|mjs|py)):([A-Za-z_$][\w$]*)$/.exec(name) ?? [];
    const row =
      file === undefined
        ? { name }
        : { file: path.resolve(file), function: called, signature: textOption(input, "signature") };
    const parsed = rewardSchema.safeParse(row);
    if (parsed.success) return parsed.data;
    const asked = known.map(rewardKey).join(", ");
    throw new UserError({
      code: "not-found",
      where: `--reward ${name}`,
      message: "expected a reward of the specification, a built-in without options, or FILE:FUNCTION",
      hint: known.length === 0 ? "For example --reward tiou." : `The rewards of the specification are ${asked}.`,
    });
  });
}

function formatSummaries(summaries: readonly RescoreSummary[], nameOf: (id: string) => string): string {
  const spread = (value: RescoreSummary["after"]): string =>
    value === null ? "-" : `${value.mean.toFixed(3)} ± ${value.std.toFixed(3)}`;
  const rows = summaries.map((summary) => [
    summary.reward,
    String(summary.rollouts),
    spread(summary.before),
    spread(summary.after),
    String(summary.changed),
    String(summary.advantageSignFlips),
    `+${summary.gainingCount} -${summary.losingCount}`,
    String(summary.errors),
  ]);
  const header = [
    "",
    "rollouts",
    "before",
    "after",
    "changed",
    "advantage sign flips",
    "groups with variance",
    "errors",
  ];
  const errors = summaries.flatMap(({ reward, errorExamples }) =>
    errorExamples.slice(0, 5).map(({ id, error }) => `  ${nameOf(id)}  ${reward}: ${error.message}`),
  );
  const value = (of: number | null): string => of?.toFixed(3) ?? "-";
  const changes = summaries.flatMap(({ reward, largest }) =>
    largest
      .slice(0, 5)
      .map(({ id, before, after }) => `  ${nameOf(id)}  ${reward}: ${value(before)} -> ${value(after)}`),
  );
  return [
    formatTable([header, ...rows], []),
    ...(errors.length === 0 ? [] : ["First errors:", ...errors]),
    ...(changes.length === 0 ? [] : ["Largest changes:", ...changes]),
  ].join("\n");
}
