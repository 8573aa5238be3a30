import { UserError } from "../../protocol/errors.ts";
import { isFailedGroup, type GroupRecord } from "../../protocol/records.ts";
import type { EditedCompletion } from "../../protocol/rewardMessages.ts";
import type { HostPrograms } from "../hosts/hostProgram.ts";
import { computeAdvantages } from "../rewards/advantages.ts";
import { readRunRecord } from "../store/readRun.ts";
import { openRollouts } from "../store/rollouts.ts";
import { tasks } from "../tasks/tasks.ts";
import { recordedGroup } from "./recorded.ts";
import { Scorer } from "./scorer.ts";

/** Somebody who edits a completion asks again and again; then the processes of the rewards are let go. */
const keptMs = 60_000;

interface Context extends HostPrograms {
  readonly cacheDir: string;
  readonly onLog: (line: string) => void;
}

/** What the rewards of a run would have been, had some completions of a group been others. Nothing is written. */
export class EditedScorer {
  readonly #context: () => Context;
  #open: { runDir: string; scorer: Scorer; timer: NodeJS.Timeout } | undefined;

  constructor(context: () => Context) {
    this.#context = context;
  }

  /** @throws UserError not-found, bad-record */
  async score(params: {
    readonly runDir: string;
    readonly step: number;
    readonly group: number;
    readonly texts: readonly (string | null)[];
  }): Promise<EditedCompletion[]> {
    const { runDir, texts } = params;
    const { spec } = await readRunRecord(runDir);
    const record = edited(await readGroup(params), texts);
    const [scored = []] = await (await this.#scorerOf(runDir)).score([recordedGroup(record)]);
    const rewards_G = scored.map(({ reward }) => reward);
    // The batch's own standard deviation needs the other groups of the step, which stay as they were.
    const scale = spec.grpo.scaleRewards === "batch" ? "group" : spec.grpo.scaleRewards;
    const [advantages_G = []] = computeAdvantages([rewards_G], scale);
    return record.completions.map(({ parsed }, k) => ({
      parsed,
      rewards: scored[k]?.parts ?? [],
      reward: rewards_G[k] ?? null,
      advantage: advantages_G[k] ?? 0,
    }));
  }

  /** With the files as they are now: what is edited next may be the reward. */
  async #scorerOf(runDir: string): Promise<Scorer> {
    if (this.#open?.runDir === runDir) {
      this.#open.timer.refresh();
      return this.#open.scorer;
    }
    this.forget();
    const { spec, baseDir } = await readRunRecord(runDir);
    const scorer = new Scorer({ rewards: spec.rewards, baseDir, sources: null, ...this.#context() });
    const timer = setTimeout(() => this.forget(), keptMs).unref();
    this.#open = { runDir, scorer, timer };
    return scorer;
  }

  /** Lets the processes go: the next call loads the files anew. */
  forget(): void {
    if (this.#open === undefined) return;
    clearTimeout(this.#open.timer);
    void this.#open.scorer.close();
    this.#open = undefined;
  }
}

async function readGroup({
  runDir,
  step,
  group,
}: {
  runDir: string;
  step: number;
  group: number;
}): Promise<GroupRecord> {
  const line = (await openRollouts(runDir).readStep(step)).find((candidate) => candidate.group === group);
  if (line !== undefined && !isFailedGroup(line)) return line;
  throw new UserError({
    code: "not-found",
    where: runDir,
    message: `step ${step} has no rollouts of a group ${group}`,
  });
}

function edited(record: GroupRecord, texts: readonly (string | null)[]): GroupRecord {
  const example = { ...recordedGroup(record).example };
  return {
    ...record,
    completions: record.completions.map((completion, k) => {
      const text = texts[k] ?? null;
      if (text === null) return completion;
      return { ...completion, text, parsed: tasks[record.task].parse(text, example) };
    }),
  };
}
