import { z } from "zod";
import { taskIds } from "./tasks.ts";

/** The `rewards` of a run specification: built-in rewards by name, and functions of the workspace by file and name. */
const common = {
  weight: z.number().default(1).describe("Factor of this reward in the sum."),
  tasks: z
    .array(z.enum(taskIds))
    .min(1)
    .optional()
    .describe("Apply to these tasks only; by default to every task that the reward knows."),
  data: z.array(z.string()).min(1).optional().describe("Apply to the examples of these datasets only, by their id."),
};

const ofNoOptions = ["format", "tiou", "box-iou", "accuracy", "tiou-boundary"] as const;

/** What asks an OpenAI-compatible server: some built-in rewards, and the judge of an evaluation. */
const judge = {
  endpoint: z
    .url({ protocol: /^https?$/ })
    .describe("Address of an OpenAI-compatible server up to and including its version, e.g. http://127.0.0.1:8000/v1."),
  model: z.string().min(1).describe("Model that the server is asked for."),
  apiKeyVariable: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "expected the name of an environment variable")
    .optional()
    .describe("Environment variable that holds the key; the key itself never stands in this file."),
  maxRequests: z
    .int()
    .min(1)
    .default(100_000)
    .describe("Budget: after so many requests of a run or an evaluation it fails instead of asking."),
  concurrency: z.int().min(1).max(64).default(4).describe("Requests under way at once."),
  requestTimeoutMs: z.int().min(100).default(60_000).describe("Time that one answer may take."),
  retries: z
    .int()
    .min(0)
    .max(10)
    .default(3)
    .describe("How often a request that failed or was turned away is repeated."),
};

const builtIns = [
  z.strictObject({ name: z.enum(ofNoOptions), ...common }),
  z.strictObject({
    name: z.literal("interval-set-iou"),
    ...common,
    maxIntervals: z
      .int()
      .min(1)
      .default(3)
      .describe("An answer of more intervals gets 0: many small ones would cover anything (VideoChat-R1.5)."),
  }),
  z.strictObject({
    name: z.literal("length"),
    ...common,
    minTokens: z.int().min(0).default(320).describe("Completions of fewer tokens get 0 (Video-R1: 320)."),
    maxTokens: z.int().min(1).default(512).describe("Completions of more tokens get 0 (Video-R1: 512)."),
  }),
  z.strictObject({
    name: z.literal("overlong"),
    ...common,
    maxTokens: z.int().min(1).describe("At and beyond this length the reward is -1 (DAPO: L_max)."),
    bufferTokens: z
      .int()
      .min(1)
      .describe("Length over which the reward falls from 0 to -1 before that (DAPO: L_cache)."),
  }),
  z.strictObject({
    name: z.literal("repetition"),
    ...common,
    ngram: z.int().min(1).default(3).describe("Words of a piece that is looked for again."),
    maxPenalty: z.number().max(0).default(-1).describe("Reward of a text that only repeats itself."),
  }),
  z.strictObject({
    name: z.literal("event-recall"),
    ...common,
    ...judge,
  }),
  z.strictObject({
    name: z.literal("semantic-similarity"),
    ...common,
    ...judge,
  }),
] as const;

/** How a function is called: one completion or a batch of whole groups, or as another trainer calls its own. */
export const rewardSignatures = ["each", "batch", "trl", "trl-chat", "ms-swift"] as const;
export type RewardSignature = (typeof rewardSignatures)[number];

const workspaceReward = z.strictObject({
  file: z
    .string()
    .regex(/\.(ts|mts|js|mjs|py)$/, "expected a .ts, .js or .py file")
    .describe("TypeScript or Python file of the workspace, relative to this file."),
  function: z
    .string()
    .regex(/^[A-Za-z_$][A-Za-z0-9_$]*$/, "expected the name of a function")
    .describe("Exported function, or in Python a function or a class with __call__."),
  ...common,
  signature: z
    .enum(rewardSignatures)
    .optional()
    .describe(
      "How it is called. each: (completion, example); batch: a list of both, in whole groups; trl, trl-chat, ms-swift (Python): completions and columns, as these trainers call it. By default each in TypeScript, trl in Python.",
    ),
  timeoutMs: z.int().min(10).default(1000).describe("Time that one call may take."),
  memoryMb: z.int().min(64).default(1024).describe("Memory that its process may hold before it is ended."),
  onError: z
    .enum(["zero", "drop", "stop"])
    .default("zero")
    .describe(
      "A call that fails scores 0, leaves its rollout out of the step, or ends the run. It is recorded in any case.",
    ),
});

export const rewardSchema = z.union([z.discriminatedUnion("name", builtIns), workspaceReward]);
export type RewardSpec = z.output<typeof rewardSchema>;
export type WorkspaceReward = z.output<typeof workspaceReward>;
/** The judge of an evaluation. */
export const judgeSchema = z.strictObject(judge);
export type JudgeSpec = z.output<typeof judgeSchema>;
export type BuiltInReward = Exclude<RewardSpec, WorkspaceReward>;
export type BuiltInRewardName = BuiltInReward["name"];

export function isWorkspaceReward(spec: RewardSpec): spec is WorkspaceReward {
  return "file" in spec;
}

/** Name of a reward in records and metric keys: that of the built-in or of the function. */
export function rewardKey(spec: RewardSpec): string {
  return isWorkspaceReward(spec) ? spec.function : spec.name;
}

export function signatureOf(spec: Pick<WorkspaceReward, "file" | "signature">): RewardSignature {
  return spec.signature ?? (spec.file.endsWith(".py") ? "trl" : "each");
}
