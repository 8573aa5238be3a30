import os from "node:os";
import path from "node:path";
import { UserError } from "../../protocol/errors.ts";
import type { BaselineScores, Scores } from "../../protocol/records.ts";
import type { LoadedSpec } from "../data/specFile.ts";
import { scoreAnswers, scoreBaselines } from "../evaluate/scoring.ts";
import { spawnBackend } from "../run/backendClient.ts";
import { evaluatePolicy } from "../run/evaluation.ts";
import { seedOf } from "../run/newRunRecord.ts";
import { readRunData, type RunData } from "../run/runData.ts";
import { loadCheckedSpec } from "../server/checkSpec.ts";
import { enginePrograms } from "../server/engineFiles.ts";
import { locateFfmpeg } from "../video/ffmpeg.ts";
import { positional, textOption, UsageError, type CommandInput, type ExitStatus } from "./command.ts";
import { readPredictions } from "./predictions.ts";
import { formatScoreTable, nestBaselines, nestScores } from "./results.ts";
import { terminalSettings } from "./runCommands.ts";
import { formatBar } from "./text.ts";

interface Evaluated {
  readonly scores: Scores;
  readonly baselines: BaselineScores;
  readonly settings: Readonly<Record<string, unknown>>;
}

/** Scores a policy, or ready answers, on the evaluation data of a specification. */
export async function evaluate(input: CommandInput): Promise<ExitStatus> {
  const { terminal } = input;
  const checkpoint = textOption(input, "checkpoint");
  const predictions = textOption(input, "predictions");
  if (checkpoint !== undefined && predictions !== undefined) {
    throw new UsageError("expected --checkpoint or --predictions, found both");
  }
  const specPath = positional(input, 0);
  const loaded = loadCheckedSpec(specPath);
  const data = await readRunData(loaded.spec, loaded.baseDir);
  if (data.evaluation.length === 0) {
    throw new UserError({
      code: "bad-spec",
      where: `${specPath}: evaluate.data`,
      message: "expected datasets to evaluate on, found none",
      hint: "Add at least one, with the keys of those in `data`.",
    });
  }
  const result =
    predictions === undefined
      ? await evaluateModel(input, loaded, data, checkpoint)
      : await evaluatePredictions(input, loaded, data, predictions);
  terminal.print(formatScoreTable([{ title: "score", scores: result.scores }], result.baselines));
  const { settings } = result;
  terminal.writeDocument({ scores: nestScores(result.scores), baselines: nestBaselines(result.baselines), settings });
  return 0;
}

async function evaluatePredictions(
  input: CommandInput,
  loaded: LoadedSpec,
  data: RunData,
  file: string,
): Promise<Evaluated> {
  const examples = data.evaluation.flatMap((dataset) => dataset.examples);
  const { answered, missing } = readPredictions(file, examples);
  if (missing > 0) {
    input.terminal.note(
      `${missing} of ${examples.length} examples have no prediction; they score as unparsed answers.`,
    );
  }
  return {
    scores: await scoreAnswers(answered),
    baselines: await scoreBaselines(
      examples,
      data.training.flatMap((dataset) => dataset.examples),
    ),
    settings: {
      predictions: path.resolve(file),
      missing,
      video: loaded.spec.video,
      datasetHashes: data.hashes.datasets,
    },
  };
}

async function evaluateModel(
  input: CommandInput,
  { spec, baseDir }: LoadedSpec,
  data: RunData,
  checkpoint: string | undefined,
): Promise<Evaluated> {
  const { terminal } = input;
  const { engineDir, cacheDir, ffmpegPath } = terminalSettings();
  await locateFfmpeg({ settingPath: ffmpegPath });
  const backend = spawnBackend({
    modulePath: enginePrograms(engineDir).backend,
    onLog: (line) => terminal.note(line),
  });
  const stop = new AbortController();
  const onInterrupt = (): void => {
    stop.abort();
    void backend.kill();
  };
  process.on("SIGINT", onInterrupt);
  try {
    const checkpointDir = checkpoint === undefined ? null : path.resolve(checkpoint);
    const threads = os.availableParallelism();
    const info = await backend.open({ spec, baseDir, checkpointDir, cacheDir, ffmpegPath, threads });
    const onProgress = (done: number, total: number): void =>
      terminal.showLive(`${formatBar(done / total, 24)}  example ${done}/${total}`);
    const seed = seedOf(spec);
    const record = await evaluatePolicy({ backend, spec, seed, data, step: 0, stop: stop.signal, onProgress });
    if (record === null) throw cancelled();
    const settings = { ...record.settings, checkpoint: checkpointDir, policyHash: info.policyHash };
    return { scores: record.scores, baselines: record.baselines, settings };
  } catch (error) {
    throw stop.signal.aborted ? cancelled() : error;
  } finally {
    terminal.showLive("");
    process.off("SIGINT", onInterrupt);
    await backend.close();
  }
}

function cancelled(): UserError {
  return new UserError({ code: "cancelled", message: "The evaluation was interrupted." });
}
