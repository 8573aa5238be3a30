import { createHash } from "node:crypto";
import fs from "node:fs/promises";
import path from "node:path";
import { notify, onRequest, type RpcCancellationToken, type RpcConnection } from "../../protocol/connection.ts";
import { UserError } from "../../protocol/errors.ts";
import { serviceLog } from "../../protocol/messages.ts";
import type { RescoreReward } from "../../protocol/rescore.ts";
import {
  acceptRescore,
  caseFinished,
  coverReward,
  makeCase,
  prepareCaseReplay,
  prepareReplay,
  readRewards,
  rescoreProgress,
  rescoreRollouts,
  runRewardCases,
  scoreEdited,
  type ReplayProgram,
} from "../../protocol/rewardMessages.ts";
import { isWorkspaceReward, rewardKey, signatureOf, type WorkspaceReward } from "../../protocol/rewardSpec.ts";
import { findPython } from "../hosts/findPython.ts";
import { hostFiles } from "../hosts/hostProgram.ts";
import type { ReplayFile } from "../hosts/replayFile.ts";
import { caseGroup, readCases, runCases } from "../score/cases.ts";
import { coverRun } from "../score/coverRun.ts";
import { EditedScorer } from "../score/editedScorer.ts";
import { caseOfRollout } from "../score/pinCase.ts";
import { recordedGroup } from "../score/recorded.ts";
import { acceptScores, rescoreRun, resolveReward, type RescoredRun } from "../score/rescoreRun.ts";
import type { ScoreGroup } from "../score/scorer.ts";
import { findCompletions, findGroups } from "../score/findCompletions.ts";
import { readRunRecord } from "../store/readRun.ts";
import type { EngineSettings } from "./launcher.ts";
import { signalOf } from "./rpc.ts";

/** Re-scored runs that can still be accepted; the newest of each run and reward. */
const keptResults = 8;
/** Progress is told so often at most. */
const tellEveryMs = 150;

/** Answers the extension's requests that have to do with rewards. */
export function serveRewards(connection: RpcConnection, settings: () => EngineSettings): void {
  const service = new RewardService(connection, settings);
  onRequest(connection, readRewards, ({ runDir }) => service.readRewards(runDir));
  onRequest(connection, rescoreRollouts, (params, token) => service.rescore(params, token));
  onRequest(connection, acceptRescore, (params) => service.accept(params));
  onRequest(connection, coverReward, async (params, token) => ({
    coverage: await coverRun({ ...params, ...service.context(), signal: signalOf(token) }),
  }));
  onRequest(connection, prepareReplay, (params) => service.prepareReplay(params));
  onRequest(connection, prepareCaseReplay, (params) => service.prepareCaseReplay(params));
  onRequest(connection, scoreEdited, async (params) => ({ completions: await service.edited.score(params) }));
  onRequest(connection, runRewardCases, (params, token) => service.runCases(params, token));
  onRequest(connection, makeCase, (params) => caseOfRollout(params));
}

class RewardService {
  readonly #connection: RpcConnection;
  readonly #settings: () => EngineSettings;
  readonly #results = new Map<string, RescoredRun>();
  readonly edited: EditedScorer;

  constructor(connection: RpcConnection, settings: () => EngineSettings) {
    this.#connection = connection;
    this.#settings = settings;
    this.edited = new EditedScorer(() => this.context());
  }

  /** What scorers need to know of this engine. */
  context() {
    const { engineDir, pythonPath, cacheDir } = this.#settings();
    const onLog = (line: string): void =>
      notify(this.#connection, serviceLog, { level: "info", message: `reward: ${line}` });
    return { engineDir, pythonPath, cacheDir, onLog };
  }

  async readRewards(runDir: string) {
    const { spec, baseDir } = await readRunRecord(runDir);
    return {
      rewards: spec.rewards.map((reward) => ({
        name: rewardKey(reward),
        weight: reward.weight,
        code: isWorkspaceReward(reward) ? codeOf(reward, baseDir) : null,
      })),
    };
  }

  async rescore(
    params: { task: string; runDir: string; reward: RescoreReward; firstSteps: readonly number[] },
    token: RpcCancellationToken,
  ) {
    const { task, runDir, reward, firstSteps } = params;
    let toldAtMs = 0;
    const result = await rescoreRun({
      runDir,
      reward,
      firstSteps,
      ...this.context(),
      signal: signalOf(token),
      onProgress: (summary) => {
        if (performance.now() - toldAtMs < tellEveryMs) return;
        toldAtMs = performance.now();
        notify(this.#connection, rescoreProgress, { task, summary });
      },
    });
    this.#keep(runDir, result);
    return { summary: result.summary, files: Object.keys(result.header.sources) };
  }

  async accept({ runDir, version }: { runDir: string; version: string }): Promise<{ file: string }> {
    const result = this.#results.get(keyOf(runDir, version));
    if (result !== undefined) return { file: await acceptScores(runDir, result) };
    throw new UserError({
      code: "not-found",
      where: runDir,
      message: `the scores of version ${version} are not at hand any more`,
      hint: "Score the rollouts again.",
    });
  }

  async prepareReplay(params: {
    runDir: string;
    reward: RescoreReward;
    ids: readonly string[];
  }): Promise<ReplayProgram> {
    const { spec, baseDir } = await readRunRecord(params.runDir);
    const reward = resolveReward(params.reward, spec, params.runDir);
    // What a function is given in a run: a completion, or the whole group where it takes batches.
    const isBatch = isWorkspaceReward(reward) && signatureOf(reward) !== "each";
    const found = isBatch ? findGroups(params.runDir, params.ids) : findCompletions(params.runDir, params.ids);
    const groups = (await found).map(recordedGroup);
    return this.#writeReplay(reward, baseDir, groups);
  }

  async prepareCaseReplay({ file, line }: { file: string; line: number }): Promise<ReplayProgram> {
    const found = (await readCases(file)).find((placed) => placed.line === line);
    if (found === undefined) {
      throw new UserError({
        code: "not-found",
        where: `${file}:${line + 1}`,
        message: "there is no case on this line",
      });
    }
    return this.#writeReplay(found.case.reward, path.dirname(file), [caseGroup(found.case, file)]);
  }

  async runCases(
    { task, file, lines }: { task: string; file: string; lines: readonly number[] | null },
    token: RpcCancellationToken,
  ) {
    const outcomes = await runCases({
      file,
      lines: lines ?? undefined,
      ...this.context(),
      signal: signalOf(token),
      onOutcome: (outcome) => notify(this.#connection, caseFinished, { task, outcome }),
    });
    return { outcomes };
  }

  async #writeReplay(
    reward: RescoredRun["header"]["reward"],
    baseDir: string,
    groups: readonly ScoreGroup[],
  ): Promise<ReplayProgram> {
    if (!isWorkspaceReward(reward)) {
      throw new UserError({
        code: "unsupported",
        where: rewardKey(reward),
        message: "a built-in reward has no code in the workspace to stop in",
        hint: "Debug a function of yours, named in the specification by file and function.",
      });
    }
    const { engineDir, pythonPath, cacheDir } = this.#settings();
    const code = codeOf(reward, baseDir);
    const replay: ReplayFile = { reward: code, groups };
    const text = JSON.stringify(replay);
    const file = path.join(cacheDir, "replay", `${createHash("sha256").update(text).digest("hex").slice(0, 16)}.json`);
    await fs.mkdir(path.dirname(file), { recursive: true });
    await fs.writeFile(file, text);
    const isPython = code.file.endsWith(".py");
    return {
      language: isPython ? "python" : "javascript",
      program: isPython ? hostFiles.python(engineDir) : hostFiles.node(engineDir),
      args: ["--replay", file],
      python: isPython ? ((await findPython(pythonPath))?.command ?? null) : null,
      rewardFile: code.file,
      function: code.function,
    };
  }

  #keep(runDir: string, result: RescoredRun): void {
    this.#results.set(keyOf(runDir, result.summary.version), result);
    for (const key of this.#results.keys()) {
      if (this.#results.size <= keptResults) break;
      this.#results.delete(key);
    }
  }
}

function codeOf(reward: WorkspaceReward, baseDir: string) {
  const file = path.resolve(baseDir, reward.file);
  return { file, function: reward.function, signature: signatureOf(reward) };
}

function keyOf(runDir: string, version: string): string {
  return `${path.resolve(runDir)} ${version}`;
}
