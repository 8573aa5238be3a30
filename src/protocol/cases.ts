import { z } from "zod";
import type { RewardError } from "./records.ts";
import { rewardErrorKinds } from "./records.ts";
import type { RewardExample, RewardOutput } from "./reward.ts";
import { rewardSchema } from "./rewardSpec.ts";
import { taskIds } from "./tasks.ts";

/**
 * `*.cases.jsonl`: pinned rollouts as tests of rewards, a case a line. Paths are relative to the file. What a case does not
 * say is not tested.
 */
export const casesEnding = ".cases.jsonl";

const expectation = z
  .strictObject({
    min: z.number().optional().describe("Least value."),
    max: z.number().optional().describe("Greatest value."),
    applies: z.boolean().optional().describe("false: the reward must not apply (null)."),
    reason: z.string().optional().describe("The reason that it must give."),
    error: z.enum(rewardErrorKinds).optional().describe("The way in which it must fail."),
  })
  .refine(
    (e) => Object.values(e).some((value) => value !== undefined),
    "expected at least one expectation, found none",
  );

const example = z.looseObject({
  id: z.string(),
  datasetId: z.string(),
  task: z.enum(taskIds),
  question: z.string(),
  truth: z.looseObject({ task: z.enum(taskIds) }),
  videoPath: z.string().default(""),
  durationSec: z.number().nullable().default(null),
  frames: z
    .looseObject({ timestampsSec: z.array(z.number()) })
    .nullable()
    .default(null),
  prompt: z.string().default(""),
  think: z.boolean().default(true),
  row: z.unknown().default(null),
});

export const caseSchema = z.strictObject({
  name: z.string().min(1).describe("Name of the case in lists of tests; unique in its file."),
  reward: rewardSchema.describe("As in a run specification."),
  completion: z.strictObject({
    id: z.string().default("case"),
    text: z.string(),
    tokenCount: z.int().min(0).nullable().default(0),
    finishReason: z.enum(["eos", "length"]).nullable().default("eos"),
  }),
  example,
  expect: expectation,
});

export type RewardCase = Omit<z.output<typeof caseSchema>, "example"> & { readonly example: RewardExample };
export type CaseExpectation = RewardCase["expect"];

/** A case with its place in the file. */
export interface PlacedCase {
  readonly line: number; // 0-based
  readonly case: RewardCase;
}

export interface CaseProblem {
  readonly line: number;
  readonly message: string;
}

/** How a case came out. `expected` and `actual` are texts to be compared line by line. */
export interface CaseOutcome {
  readonly file: string;
  readonly line: number;
  readonly name: string;
  readonly passed: boolean;
  readonly expected: string;
  readonly actual: string;
  readonly output: RewardOutput | null;
  readonly error: RewardError | null;
}

/** Reads the text of a case file. Blank lines are passed over; a line that is no case is told, and the others are read. */
export function parseCases(text: string): {
  readonly cases: readonly PlacedCase[];
  readonly problems: readonly CaseProblem[];
} {
  const cases: PlacedCase[] = [];
  const problems: CaseProblem[] = [];
  const names = new Set<string>();
  text.split("\n").forEach((row, line) => {
    if (row.trim() === "") return;
    const parsed = parseCase(row);
    if (typeof parsed === "string") problems.push({ line, message: parsed });
    else if (names.has(parsed.name)) problems.push({ line, message: `found the name "${parsed.name}" twice` });
    else {
      names.add(parsed.name);
      cases.push({ line, case: parsed });
    }
  });
  return { cases, problems };
}

function parseCase(row: string): RewardCase | string {
  let json: unknown;
  try {
    json = JSON.parse(row);
  } catch (error) {
    return `expected a case in JSON, found text that is not JSON (${error instanceof Error ? error.message : String(error)})`;
  }
  const result = caseSchema.safeParse(json);
  // SAFETY: what the schema leaves loose (truth, frames) was written from a record, and is what a reward is given.
  if (result.success) return result.data as unknown as RewardCase;
  const [issue] = result.error.issues;
  return `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "is no case"}`;
}
