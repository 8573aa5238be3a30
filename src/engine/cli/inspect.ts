import type { Diagnostic } from "../../protocol/diagnostics.ts";
import { UserError } from "../../protocol/errors.ts";
import { isFailedGroup, type CompletionRecord, type RolloutLine, type SeenVideo } from "../../protocol/records.ts";
import type { BoundingBox, ParsedAnswer, Segment, Truth } from "../../protocol/tasks.ts";
import { RunDiagnoser } from "../server/diagnoseRun.ts";
import { readRunRecord } from "../store/readRun.ts";
import { openRollouts } from "../store/rollouts.ts";
import { integerOption, positional, textOption, type CommandInput, type ExitStatus } from "./command.ts";
import { countSeverities, formatExplainHint, formatFinding, problemsOf } from "./findings.ts";
import { terminalSettings } from "./runCommands.ts";
import { foldText, formatLane, formatTable } from "./text.ts";

const laneWidth = 40;
const shownBoxes = 3;

/**
 * Prints the groups of a step: the truth above its completions, segments as lanes over the video. Then what the linter finds in
 * the run as a whole, unless one group is asked for; a finding that is an error exits with 1.
 */
export async function inspect(input: CommandInput): Promise<ExitStatus> {
  const { terminal } = input;
  const runDir = positional(input, 0);
  await readRunRecord(runDir);
  const rollouts = openRollouts(runDir);
  const step = integerOption(input, "step", 0) ?? (await rollouts.steps()).at(-1);
  if (step === undefined) {
    const message = "expected rollouts, found none: no step has been sampled yet";
    throw new UserError({ code: "not-found", where: runDir, message });
  }
  const wanted = textOption(input, "group");
  const groups = (await rollouts.readStep(step)).filter((line) => wanted === undefined || isNamed(line, wanted));
  if (groups.length === 0 && wanted !== undefined) {
    throw new UserError({
      code: "not-found",
      where: runDir,
      message: `expected group ${wanted} in step ${step}, found none`,
      hint: `Without --group all groups of the step are shown.`,
    });
  }
  for (const group of groups) terminal.print(`${formatGroup(group, terminal.columns)}\n`);
  const diagnostics = wanted === undefined ? await findingsOf(runDir, input) : [];
  terminal.writeDocument({ step, groups, problems: problemsOf(diagnostics, diagnostics) });
  return countSeverities(diagnostics).errors > 0 ? 1 : 0;
}

async function findingsOf(runDir: string, { terminal, options }: CommandInput): Promise<readonly Diagnostic[]> {
  const { engineDir, pythonPath, cacheDir } = terminalSettings();
  const { diagnostics, steps } = await new RunDiagnoser().diagnose({
    ...{ runDir, engineDir, pythonPath, cacheDir },
    mayCallRewards: options["call-rewards"] === true,
    onLog: (line) => terminal.note(line),
  });
  for (const diagnostic of diagnostics) terminal.print(formatFinding(diagnostic));
  if (diagnostics.length > 0) terminal.print(formatExplainHint(diagnostics));
  terminal.print(`The run as a whole, ${steps} steps: ${countSeverities(diagnostics).text}`);
  return diagnostics;
}

/** By number ("0"), by place ("12/0"), or by the id of the example. */
function isNamed(line: RolloutLine, name: string): boolean {
  return [String(line.group), `${line.step}/${line.group}`, line.exampleId].includes(name);
}

export function formatGroup(line: RolloutLine, columns: number): string {
  const title = `${line.step}/${line.group}  ${line.datasetId}  ${line.exampleId}`;
  if (isFailedGroup(line)) return `${title}\n  failed: ${line.failure.message}`;
  const rewards = `reward ${line.rewardMean.toFixed(3)} ± ${line.rewardStd.toFixed(3)}`;
  const durationSec = line.video?.durationSec ?? null;
  const rows = [
    ["truth", "", "", ...formatAnswer(truthAsAnswer(line.truth), durationSec)],
    ...line.completions.map((completion, k) => [
      `#${k}`,
      formatNumber(completion.reward),
      formatNumber(completion.advantage),
      ...formatAnswer(completion.parsed, durationSec),
    ]),
  ];
  const table = formatTable([["", "reward", "advantage", "", ""], ...rows], [3, 4]);
  const texts = line.completions.map((completion, k) => formatCompletion(completion, k, columns));
  return [
    `${title}  ${rewards}  (${describeSeen(line.video)})`,
    `  ${foldText(line.question, columns - 2)}`,
    indent(table),
    ...texts,
  ].join("\n");
}

function describeSeen(video: SeenVideo | null): string {
  if (video === null) return "no video is known";
  const { durationSec, frameIndices, widthPx, heightPx } = video;
  return `${durationSec.toFixed(1)} s, ${frameIndices.length} frames of ${widthPx}x${heightPx}`;
}

/** Parts of the reward, then the text. */
function formatCompletion(completion: CompletionRecord, k: number, columns: number): string {
  const parts = completion.rewards.map(
    ({ name, value, error, reason }) =>
      `${name} ${error !== undefined ? `error: ${error.message}` : formatNumber(value)}${reason === undefined ? "" : ` (${reason})`}`,
  );
  const tokens = completion.tokenCount === null ? "" : `, ${completion.tokenCount} tokens`;
  const end = completion.finishReason === "length" ? ", cut by length" : "";
  const head = `  #${k} ${parts.join(", ")}${tokens}${end}`;
  return `${head}\n     ${foldText(completion.text, columns - 5)}`;
}

/** A lane, where there are times, and the answer in words. */
function formatAnswer(answer: Omit<ParsedAnswer, "task">, durationSec: number | null): [string, string] {
  const segments = answer.segment === undefined ? (answer.segments ?? []) : [answer.segment];
  const lane = segments.length > 0 && durationSec !== null ? formatLane(segments, durationSec, laneWidth) : "";
  const words = [
    ...(answer.option === undefined ? [] : [answer.option]),
    ...(answer.text === undefined ? [] : [answer.text]),
    ...segments.map(formatSegment),
    ...(answer.boxes ?? []).slice(0, shownBoxes).map(formatBox),
    ...((answer.boxes?.length ?? 0) > shownBoxes ? [`… ${answer.boxes?.length} boxes`] : []),
    ...answer.failures,
  ];
  return [lane, words.join(" ")];
}

function truthAsAnswer(truth: Truth): Parameters<typeof formatAnswer>[0] {
  switch (truth.task) {
    case "temporal-grounding":
      return { segment: truth.segment, failures: [] };
    case "tracking":
      return { boxes: truth.boxes.map(({ box }) => box), failures: [] };
    case "grounded-qa":
      return { option: truth.option, segments: truth.segments, failures: [] };
    case "multiple-choice":
      return { option: truth.option, failures: [] };
    case "classification":
      return { text: truth.label, failures: [] };
    case "captioning":
      return { text: truth.captions[0], failures: [] };
    case "open":
      return { text: truth.answer ?? undefined, failures: [] };
    default:
      return truth satisfies never;
  }
}

function formatSegment({ startSec, endSec }: Segment): string {
  return `${startSec.toFixed(1)}-${endSec.toFixed(1)} s`;
}

function formatBox({ x0, y0, x1, y1 }: BoundingBox): string {
  return `[${[x0, y0, x1, y1].map((v) => v.toFixed(2)).join(", ")}]`;
}

function formatNumber(value: number | null): string {
  return value === null ? "-" : value.toFixed(3);
}

function indent(text: string): string {
  return text.replace(/^/gm, "  ");
}
