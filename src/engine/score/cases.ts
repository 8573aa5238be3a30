import fs from "node:fs/promises";
import path from "node:path";
import {
  parseCases,
  type CaseExpectation,
  type CaseOutcome,
  type PlacedCase,
  type RewardCase,
} from "../../protocol/cases.ts";
import { UserError } from "../../protocol/errors.ts";
import type { RewardPart } from "../../protocol/records.ts";
import { isWorkspaceReward, type RewardSpec } from "../../protocol/rewardSpec.ts";
import type { HostPrograms } from "../hosts/hostProgram.ts";
import { tasks } from "../tasks/tasks.ts";
import { Scorer, type ScoreGroup } from "./scorer.ts";

export interface RunCasesParams extends HostPrograms {
  readonly file: string;
  /** Only the cases at these lines, 0-based; all when absent. */
  readonly lines?: readonly number[] | undefined;
  readonly cacheDir: string;
  readonly signal?: AbortSignal | undefined;
  readonly onOutcome?: ((outcome: CaseOutcome) => void) | undefined;
  readonly onLog: (line: string) => void;
}

/**
 * Runs pinned cases: parses each completion as a run does, and calls its reward.
 * @throws UserError bad-data for lines that are no cases, not-found
 */
export async function runCases(params: RunCasesParams): Promise<CaseOutcome[]> {
  const { file, lines, signal, onOutcome } = params;
  const asked = (await readCases(file)).filter(({ line }) => lines === undefined || lines.includes(line));
  const outcomes: CaseOutcome[] = [];
  for (const sameReward of byReward(asked)) {
    signal?.throwIfAborted();
    for (const outcome of await runWithOneReward(sameReward, params)) {
      outcomes.push(outcome);
      onOutcome?.(outcome);
    }
  }
  return outcomes.sort((a, b) => a.line - b.line);
}

/** @throws UserError bad-data, not-found */
export async function readCases(file: string): Promise<readonly PlacedCase[]> {
  const text = await fs.readFile(file, "utf8").catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UserError({ code: "not-found", where: file, message: `the cases cannot be read: ${reason}` });
  });
  const { cases, problems } = parseCases(text);
  if (problems.length === 0) return cases;
  const lines = problems.map(({ line, message }) => `${file}:${line + 1}: ${message}`);
  throw new UserError({ code: "bad-data", message: lines.join("\n") });
}

/** What a case calls its reward on. Paths are relative to its file. */
export function caseGroup({ completion, example }: RewardCase, file: string): ScoreGroup {
  const videoPath = example.videoPath === "" ? "" : path.resolve(path.dirname(file), example.videoPath);
  const parsed = tasks[example.task].parse(completion.text, example);
  return { example: { ...example, videoPath }, completions: [{ ...completion, parsed }] };
}

/** Cases of the same reward share its process. */
function byReward(cases: readonly PlacedCase[]): PlacedCase[][] {
  const groups = new Map<string, PlacedCase[]>();
  for (const placed of cases) {
    const key = JSON.stringify(placed.case.reward);
    groups.set(key, [...(groups.get(key) ?? []), placed]);
  }
  return [...groups.values()];
}

async function runWithOneReward(cases: readonly PlacedCase[], params: RunCasesParams): Promise<CaseOutcome[]> {
  const { file, engineDir, pythonPath, cacheDir, signal, onLog } = params;
  const reward = cases[0]?.case.reward;
  if (reward === undefined) return [];
  const rewards: RewardSpec[] = [isWorkspaceReward(reward) ? { ...reward, onError: "zero" } : reward];
  const scorer = new Scorer({
    rewards,
    baseDir: path.dirname(file),
    engineDir,
    pythonPath,
    cacheDir,
    sources: null,
    signal,
    onLog,
  });
  try {
    const scored = await scorer.score(cases.map(({ case: one }) => caseGroup(one, file)));
    return cases.map(({ line, case: one }, i) => outcomeOf(file, line, one, scored[i]?.[0]?.parts[0]));
  } finally {
    await scorer.close();
  }
}

function outcomeOf(
  file: string,
  line: number,
  { name, expect }: RewardCase,
  part: RewardPart | undefined,
): CaseOutcome {
  const error = part?.error ?? null;
  const value = error === null ? (part?.value ?? null) : null;
  const output =
    part === undefined || error !== null
      ? null
      : {
          value,
          ...(part.parts === undefined ? {} : { parts: part.parts }),
          ...(part.reason === undefined ? {} : { reason: part.reason }),
        };
  const failed = mismatches(expect, part);
  return {
    file,
    line,
    name,
    passed: failed.length === 0,
    expected: describeExpectation(expect),
    actual: describePart(part, expect),
    output,
    error,
  };
}

/** What of the expectations does not hold. */
function mismatches(expect: CaseExpectation, part: RewardPart | undefined): string[] {
  const { min, max, applies, reason, error } = expect;
  const value = part?.error === undefined ? (part?.value ?? null) : null;
  const isIn = value !== null && value >= (min ?? -Infinity) && value <= (max ?? Infinity);
  return [
    ...((min !== undefined || max !== undefined) && !isIn ? ["value"] : []),
    ...(applies !== undefined && applies !== (value !== null) ? ["applies"] : []),
    ...(reason !== undefined && reason !== part?.reason ? ["reason"] : []),
    ...(error !== part?.error?.kind ? ["error"] : []),
  ];
}

function describeExpectation({ min, max, applies, reason, error }: CaseExpectation): string {
  return [
    ...(min !== undefined && min === max
      ? [`value: ${min}`]
      : min !== undefined || max !== undefined
        ? [`value: ${rangeText(min, max)}`]
        : []),
    ...(applies === undefined ? [] : [`applies: ${applies}`]),
    ...(reason === undefined ? [] : [`reason: ${reason}`]),
    ...(error === undefined ? [] : [`error: ${error}`]),
  ].join("\n");
}

/** The same keys as the expectation, so that a diff shows what differs. */
function describePart(part: RewardPart | undefined, expect: CaseExpectation): string {
  const { min, max } = expect;
  const value = part?.error === undefined ? (part?.value ?? null) : null;
  const isIn = value !== null && value >= (min ?? -Infinity) && value <= (max ?? Infinity);
  const said = isIn && min !== max ? rangeText(min, max) : String(value);
  return [
    ...(min === undefined && max === undefined ? [] : [`value: ${said}`]),
    ...(expect.applies === undefined ? [] : [`applies: ${value !== null}`]),
    ...(expect.reason === undefined ? [] : [`reason: ${part?.reason ?? "none"}`]),
    ...(part?.error === undefined ? [] : [`error: ${part.error.kind}`, part.error.message, part.error.stack ?? ""]),
  ]
    .join("\n")
    .trimEnd();
}

function rangeText(min: number | undefined, max: number | undefined): string {
  if (min === undefined) return `at most ${max}`;
  return max === undefined ? `at least ${min}` : `${min} to ${max}`;
}
