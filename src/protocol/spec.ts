import { z } from "zod";
import { deviceChoices } from "./device.ts";
import { judgeSchema, rewardKey, rewardSchema } from "./rewardSpec.ts";
import { taskIds } from "./tasks.ts";

/**
 * The run specification `*.rft.json`. One schema gives the type, the validator and the JSON Schema of the editor.
 * Every default is written here; the resolved specification is stored with the run.
 */
const taskId = z.enum(taskIds);

const lora = z
  .strictObject({
    rank: z.int().min(1).default(16).describe("Rank r of the low-rank update (PEFT: r)."),
    alpha: z
      .number()
      .positive()
      .default(32)
      .describe("Scale: the update is multiplied by alpha / rank (PEFT: lora_alpha)."),
    targets: z
      .array(z.enum(["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]))
      .min(1)
      .default(["q_proj", "k_proj", "v_proj", "o_proj"])
      .describe("Decoder projections that get an adapter (PEFT: target_modules)."),
  })
  .describe("Train low-rank adapters over frozen weights.");

const policy = z
  .strictObject({
    model: z
      .string()
      .min(1)
      .describe(
        "Hugging Face checkpoint directory: config.json, model.safetensors, tokenizer.json. Or the directory of a LoRA adapter, as PEFT writes it: it is merged into its model.",
      ),
    training: z.literal("full").optional().describe("Train every weight."),
    lora: lora.optional(),
    freezeVision: z
      .boolean()
      .default(false)
      .describe("Keep the vision tower and its merger fixed; its embeddings are computed once a clip."),
    dtype: z
      .enum(["float32", "bfloat16"])
      .default("bfloat16")
      .describe("Number format of the weights that checkpoints are written in. Computation is float32."),
    device: z
      .enum(deviceChoices)
      .default("auto")
      .describe(
        "Where the policy is computed. auto takes a graphics card through webgpu, else cuda where its library is installed, else the CPU; a device that is named and cannot be had ends the run.",
      ),
  })
  .refine((p) => !(p.training !== undefined && p.lora !== undefined), {
    message: 'expected either "training": "full" or "lora", found both',
    path: ["lora"],
  })
  .transform((p) => (p.training === undefined && p.lora === undefined ? { ...p, lora: lora.parse({}) } : p))
  .describe("The model that is trained; by default low-rank adapters are, over frozen weights.");

export const videoSchema = z
  .strictObject({
    fps: z.number().positive().default(2).describe("Sampling rate in frames a second (qwen-vl-utils: fps)."),
    minFrames: z.int().min(2).default(4).describe("Fewest frames of a clip; rounded up to even."),
    maxFrames: z.int().min(2).default(768).describe("Most frames of a clip; rounded down to even."),
    minPixels: z.int().min(1).default(784).describe("Fewest pixels of a frame after resizing."),
    maxPixels: z
      .int()
      .min(784)
      .default(602112)
      .describe("Most pixels of a frame after resizing; both sides become multiples of 28 (Qwen3-VL: 32)."),
    totalPixels: z
      .int()
      .min(784)
      .optional()
      .describe(
        "Most pixels of a clip, shared among its pairs of frames (qwen-vl-utils: total_pixels); 115,200 visual tokens by default.",
      ),
    onBadVideo: z
      .enum(["skip", "fail"])
      .default("skip")
      .describe(
        "A video that cannot be read is skipped with a record, or ends the run. It is never replaced by another.",
      ),
  })
  .describe("How frames are picked and resized; Qwen's names and rules.");

/** Layouts of annotations; docs/datasets.md shows a row of each. */
export const dataFormats = [
  "charades-sta", // JSON: {video: {duration, timestamps, sentences}}
  "charades-sta-txt", // as published: "VIDEO start end##sentence"
  "activitynet-captions", // as published: JSON of the same form, videos named v_…
  "got10k-sampled", // JSON, as VideoChat-R1 samples it
  "got10k", // as published: a folder a sequence
  "nextgqa", // JSON
  "nextgqa-csv", // as published: CSV, and JSON of the segments
  "multiple-choice", // JSON
  "video-mme", // Parquet
  "mvbench", // a JSON file a task
  "perception-test", // JSON by video
  "dream-1k", // JSON or JSON lines
  "vidtab-qa", // JSON
  "jsonl", // of our own: every task
] as const;

const dataset = z.strictObject({
  id: z
    .string()
    .regex(/^[A-Za-z0-9_-]+$/, "expected letters, digits, - and _")
    .describe("Name of the dataset in records and score keys."),
  task: taskId.describe("What is asked of the policy."),
  format: z.enum(dataFormats).describe("Layout of the annotation file."),
  path: z
    .string()
    .min(1)
    .describe("Annotation file, relative to this file; for got10k and mvbench the folder that holds them."),
  videos: z.string().min(1).describe("Folder of the videos or of their folders of frames, relative to this file."),
  durations: z
    .string()
    .min(1)
    .optional()
    .describe("charades-sta-txt: CSV with the columns id and length (Charades_v1_test.csv), relative to this file."),
  grounding: z
    .string()
    .min(1)
    .optional()
    .describe("nextgqa-csv: JSON of the segments (gsub_val.json), relative to this file."),
  boxes: z
    .int()
    .min(2)
    .max(64)
    .optional()
    .describe("got10k: boxes of a track, at equal steps, the given one included; 8 when unset, as VideoChat-R1 asks."),
  frameRate: z
    .number()
    .positive()
    .optional()
    .describe(
      "Frames a second of videos that are folders of images. When unset, what the layout says (GOT-10k 10, TVQA in MVBench 3), else 1.",
    ),
  weight: z
    .number()
    .positive()
    .default(1)
    .describe("Share of prompts drawn from this dataset, relative to the others."),
  limit: z.int().min(1).optional().describe("Use only the first so many examples."),
});

const prompt = z.strictObject({
  think: z.boolean().default(true).describe("Ask for <think>…</think> before the answer."),
  template: z.string().optional().describe("Jinja file that replaces the built-in prompt, relative to this file."),
});

const sampling = {
  temperature: z.number().min(0).default(1).describe("Softmax temperature; 0 takes the most likely token."),
  topP: z.number().gt(0).max(1).default(1).describe("Nucleus: smallest set of tokens with this probability mass."),
  topK: z.int().min(0).default(0).describe("Keep the k most likely tokens; 0 keeps all."),
  maxCompletionLength: z
    .int()
    .min(1)
    .default(256)
    .describe("Most tokens of a completion (TRL: max_completion_length)."),
};

const optimisation = {
  steps: z.int().min(1).default(100).describe("Optimizer steps."),
  promptsPerStep: z.int().min(1).default(4).describe("Different prompts of one step."),
  learningRate: z.number().positive().default(1e-6).describe("Peak learning rate of AdamW."),
  lrSchedule: z
    .enum(["constant", "linear", "cosine"])
    .default("constant")
    .describe("Decay of the learning rate to 0 after the warm-up."),
  warmupSteps: z.int().min(0).default(0).describe("Steps of linear warm-up."),
  weightDecay: z.number().min(0).default(0).describe("Decoupled weight decay of AdamW."),
  adamBeta1: z.number().min(0).lt(1).default(0.9),
  adamBeta2: z.number().min(0).lt(1).default(0.999),
  adamEpsilon: z.number().positive().default(1e-8),
  maxGradNorm: z.number().positive().default(1).describe("Gradients are scaled down to this global norm."),
  seed: z.int().min(0).default(42).describe("Seed of data order and sampling."),
};

const grpo = z
  .strictObject({
    ...optimisation,
    ...sampling,
    groupSize: z.int().min(2).default(8).describe("Completions of one prompt (TRL: num_generations)."),
    numIterations: z.int().min(1).default(1).describe("Optimizer steps on the same rollouts (TRL: num_iterations)."),
    beta: z
      .number()
      .min(0)
      .default(0.04)
      .describe("Coefficient of the KL divergence to the reference policy; 0 leaves the reference out."),
    epsilon: z.number().min(0).default(0.2).describe("Ratio is clipped below at 1 - epsilon."),
    epsilonHigh: z
      .number()
      .min(0)
      .optional()
      .describe("Ratio is clipped above at 1 + epsilonHigh; epsilon when unset."),
    lossType: z
      .enum(["grpo", "dr_grpo", "dapo", "bnpo"])
      .default("grpo")
      .describe(
        "How token losses are summed: mean a sequence (grpo), by a constant (dr_grpo), over all tokens of the step (dapo), over the tokens of a group (bnpo).",
      ),
    importanceSamplingLevel: z
      .enum(["token", "sequence"])
      .default("token")
      .describe("Ratio a token, or one a sequence (GSPO)."),
    scaleRewards: z
      .enum(["group", "batch", "none"])
      .default("group")
      .describe("Divide advantages by the standard deviation of the group, of the batch, or not at all."),
    keepTopTokens: z
      .int()
      .min(0)
      .max(20)
      .default(0)
      .describe("Most likely tokens that are kept beside each sampled one, for the token view; 8 bytes each."),
    maskTruncatedCompletions: z
      .boolean()
      .default(false)
      .describe("Leave completions that were cut by length out of the loss."),
  })
  .describe("Group relative policy optimisation; TRL's option names in camelCase.");

const sft = z
  .strictObject({
    ...optimisation,
    maxCompletionLength: sampling.maxCompletionLength.describe(
      "Most tokens of a target, its end included; a longer one is no target, and is recorded as failed.",
    ),
  })
  .describe("Supervised fine-tuning on completions built from the truth.");

const evaluate = z
  .strictObject({
    atStart: z.boolean().default(true),
    everySteps: z.int().min(0).default(0).describe("0 for never in between."),
    atEnd: z.boolean().default(true),
    sampling: z
      .strictObject({
        temperature: z.number().min(0).default(0),
        topP: sampling.topP,
        topK: sampling.topK,
        maxCompletionLength: z.int().min(1).optional(),
      })
      .default({ temperature: 0, topP: 1, topK: 0 }),
    data: z.array(dataset).default([]),
    judge: judgeSchema
      .optional()
      .describe(
        "Server that compares captions with the true ones, event by event: event-recall, event-precision, event-f1.",
      ),
  })
  .default({ atStart: true, everySteps: 0, atEnd: true, sampling: { temperature: 0, topP: 1, topK: 0 }, data: [] })
  .describe("Held-out data that the policy is scored on.");

export const runSpecSchema = z
  .strictObject({
    $schema: z.string().optional(),
    name: z
      .string()
      .regex(/^[A-Za-z0-9._-]+$/, "expected letters, digits, ., - and _")
      .describe("Name of the run and of its folder."),
    method: z.enum(["grpo", "sft"]).default("grpo"),
    policy,
    video: videoSchema.prefault({}),
    data: z.array(dataset).min(1).describe("Training data; prompts are drawn by weight."),
    prompts: z.partialRecord(taskId, prompt).default({}).describe("Prompt of each task."),
    rewards: z.array(rewardSchema).default([]).describe("Rewards; their weighted sum is the reward of a completion."),
    grpo: grpo.prefault({}),
    sft: sft.prefault({}),
    evaluate,
    checkpoints: z
      .strictObject({
        everySteps: z.int().min(0).default(50).describe("0 for the last step only."),
        keep: z.int().min(1).default(3),
      })
      .default({ everySteps: 50, keep: 3 }),
    runs: z.string().default("runs").describe("Folder that run folders are made in, relative to this file."),
    backend: z.literal("embedded").default("embedded"),
  })
  .refine((s) => new Set(s.rewards.map(rewardKey)).size === s.rewards.length, {
    message: "expected each reward once, and functions of different names",
    path: ["rewards"],
  })
  .refine((s) => s.method !== "grpo" || s.rewards.length > 0, {
    message: "expected at least one reward for GRPO, found none",
    path: ["rewards"],
  })
  .refine((s) => new Set(s.data.map((d) => d.id)).size === s.data.length, {
    message: "expected a different id for each dataset",
    path: ["data"],
  })
  .refine((s) => new Set(s.evaluate.data.map((d) => d.id)).size === s.evaluate.data.length, {
    message: "expected a different id for each dataset",
    path: ["evaluate", "data"],
  });

/** A specification with every default filled in. */
export type RunSpec = z.output<typeof runSpecSchema>;
export type RunSpecInput = z.input<typeof runSpecSchema>;
export type DatasetSpec = RunSpec["data"][number];
export type GrpoSpec = RunSpec["grpo"];
export type SftSpec = RunSpec["sft"];
export type VideoSpec = z.output<typeof videoSchema>;
export type PromptSpec = z.output<typeof prompt>;

/** One mistake of a specification: `path` leads to the key, e.g. ["grpo", "groupSize"]. */
export interface SpecProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** Validate parsed JSON. Never throws. */
export function validateSpec(json: unknown): { ok: true; spec: RunSpec } | { ok: false; problems: SpecProblem[] } {
  const result = runSpecSchema.safeParse(json, { reportInput: true });
  if (result.success) return { ok: true, spec: result.data };
  return { ok: false, problems: result.error.issues.flatMap(problemsOf) };
}

/** JSON Schema (draft 7, input form) for the editor. */
export function specJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(runSpecSchema, { io: "input", target: "draft-7" });
}

function problemsOf(issue: z.core.$ZodIssue): SpecProblem[] {
  const path = issue.path.map((p) => (typeof p === "symbol" ? String(p) : p));
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ path: [...path, key], message: `unknown key "${key}"` }));
  }
  if (issue.code === "invalid_union" && issue.errors.length > 0) {
    // The alternative that fits best is the one with the fewest complaints.
    const best = [...issue.errors].sort((a, b) => a.length - b.length)[0] ?? [];
    return best.flatMap((inner) => problemsOf({ ...inner, path: [...issue.path, ...inner.path] }));
  }
  const found = issue.input === undefined ? "nothing" : JSON.stringify(issue.input);
  const message =
    issue.code === "custom"
      ? issue.message
      : `${lowerFirst(issue.message.replace(/^Invalid input: /, ""))}, found ${found.length > 60 ? found.slice(0, 57) + "…" : found}`;
  return [{ path, message }];
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
