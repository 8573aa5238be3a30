import { createHash } from "node:crypto";
import { recordVersion } from "../../protocol/records.ts";
import type { CompletionRecord, GroupRecord, RewardPart, RolloutSource } from "../../protocol/records.ts";
import type { GrpoSpec } from "../../protocol/spec.ts";
import type { Truth } from "../../protocol/tasks.ts";
import type { Example } from "../data/example.ts";
import { mean } from "../metrics/statistics.ts";
import { computeAdvantages, unbiasedStd } from "../rewards/advantages.ts";
import { sumOf } from "../rewards/rewards.ts";
import { tasks } from "../tasks/tasks.ts";
import { AdvantageFit } from "./advantageFit.ts";
import { addTo } from "./columns.ts";
import type { LogReport } from "./logReport.ts";
import type { LoggedReward, LogRow, LogTable } from "./logTable.ts";
import { questionOf } from "./question.ts";

/** Makes groups of logged rollouts: the completions of one prompt in one table. */
export class GroupMaker {
  readonly #source: RolloutSource;
  readonly #report: LogReport;
  readonly #groupsOfStep = new Map<number, number>();
  readonly #fit = new AdvantageFit();

  constructor(source: RolloutSource, report: LogReport) {
    this.#source = source;
    this.#report = report;
  }

  groupsOf({ where, step, rows }: LogTable): GroupRecord[] {
    const first = this.#groupsOfStep.get(step) ?? 0;
    if (first > 0) this.#report.note(`${where}: step ${step} was logged before with other rollouts; all are kept.`);
    const rows_P_G = groupRows(rows);
    const sizes = [...new Set(rows_P_G.map((rows_G) => rows_G.length))].sort((a, b) => a - b);
    if (sizes.length > 1) {
      this.#report.note(
        `${where}: groups of ${sizes.join(" and ")} completions. Different videos with the same question, and groups that were logged in part, cannot be told apart.`,
      );
    }
    const parts_P_G = rows_P_G.map((rows_G) => rows_G.map(({ rewards }) => rewards.map(partOf)));
    const rewards_P_G = parts_P_G.map((parts_G) => parts_G.map((parts) => (parts.length === 0 ? null : sumOf(parts))));
    const advantages_P_G = this.#advantages(rows_P_G, rewards_P_G);
    this.#groupsOfStep.set(step, first + rows_P_G.length);
    return rows_P_G.map((rows_G, p) => {
      const scored_G = rows_G.map((row, k) => ({
        row,
        parts: parts_P_G[p]?.[k] ?? [],
        reward: rewards_P_G[p]?.[k] ?? null,
        advantage: advantages_P_G[p]?.[k] ?? 0,
      }));
      return this.#groupOf({ step, group: first + p }, scored_G);
    });
  }

  /** Which way to scale advantages fits those that were logged. */
  get scaleRewards(): GrpoSpec["scaleRewards"] {
    return this.#fit.best();
  }

  /** Says what the whole log shows. */
  finish(): void {
    const misfit = this.#fit.misfit();
    if (misfit !== null) this.#report.note(misfit);
  }

  #advantages(
    rows_P_G: readonly (readonly LogRow[])[],
    rewards_P_G: readonly (readonly (number | null)[])[],
  ): (number | null)[][] {
    const logged_P_G = rows_P_G.map((rows_G) => rows_G.map(({ advantage }) => advantage));
    if (logged_P_G.flat().every((advantage) => advantage === null)) {
      this.#report.note("Advantages are not logged; they are computed from the rewards of each group.");
      return computeAdvantages(rewards_P_G, "group");
    }
    if (logged_P_G.flat().includes(null)) this.#report.note("Some completions have no advantage; 0 is shown for them.");
    this.#fit.add(rewards_P_G, logged_P_G);
    return logged_P_G;
  }

  #groupOf({ step, group }: { step: number; group: number }, scored_G: readonly ScoredRow[]): GroupRecord {
    const rows_G = scored_G.map(({ row }) => row);
    const prompt = rows_G[0]?.prompt ?? "";
    const rewards = scored_G.map(({ reward }) => reward).filter((reward) => reward !== null);
    const truth: Truth = { task: "open", answer: rows_G[0]?.truth ?? null };
    const example: Example = {
      datasetId: this.#source,
      id: `prompt-${createHash("sha256").update(`${prompt}\n${truth.answer}`).digest("hex").slice(0, 8)}`,
      task: "open",
      videoPath: "",
      durationSec: null,
      question: questionOf(prompt),
      truth,
      row: rowOf(rows_G),
    };
    return {
      version: recordVersion,
      step,
      group,
      datasetId: example.datasetId,
      exampleId: example.id,
      task: example.task,
      prompt,
      question: example.question,
      think: prompt.includes("<think>"),
      durationSec: null,
      row: example.row,
      promptTokens: null,
      video: null,
      truth,
      rewardMean: rewards.length === 0 ? 0 : mean(rewards),
      rewardStd: unbiasedStd(rewards),
      completions: scored_G.map((scored, k) => completionOf(`${step}/${group}/${k}`, scored, example)),
    };
  }
}

interface ScoredRow {
  readonly row: LogRow;
  readonly parts: readonly RewardPart[];
  readonly reward: number | null;
  readonly advantage: number;
}

/** In the order in which the groups begin. The right answer tells prompts apart that read the same. */
function groupRows(rows: readonly LogRow[]): LogRow[][] {
  const groups = new Map<string, LogRow[]>();
  for (const row of rows) {
    const key = row.groupKey ?? JSON.stringify([row.prompt, row.truth]);
    addTo(groups, key, row);
  }
  return [...groups.values()];
}

/** Columns that are the same for the group as they are; the others as a list by completion. */
function rowOf(rows_G: readonly LogRow[]): Record<string, unknown> {
  const same: Record<string, unknown> = {};
  const byCompletion: Record<string, unknown[]> = {};
  for (const name of Object.keys(rows_G[0]?.others ?? {})) {
    const values = rows_G.map(({ others }) => others[name]);
    const isSame = values.every((value) => JSON.stringify(value) === JSON.stringify(values[0]));
    if (isSame) same[name] = values[0];
    else byCompletion[name] = values;
  }
  return Object.keys(byCompletion).length === 0 ? same : { ...same, byCompletion };
}

function partOf({ name, value, parts }: LoggedReward): RewardPart {
  return { name, weight: 1, value, ...(parts === undefined ? {} : { parts }) };
}

function completionOf(id: string, { row, parts, reward, advantage }: ScoredRow, example: Example): CompletionRecord {
  return {
    id,
    text: row.completion,
    tokenCount: null,
    finishReason: null,
    parsed: tasks.open.parse(row.completion, example),
    rewards: parts,
    reward,
    advantage,
    meanKl: null,
    meanEntropy: row.entropy,
  };
}
