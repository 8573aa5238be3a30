import { z } from "zod";
import { UserError } from "../../protocol/errors.ts";
import type { Architecture, VisionDesign } from "./architectures/architecture.ts";
import { findArchitecture, knownArchitectures } from "./architectures/architectures.ts";

/**
 * Architecture and sizes of a checkpoint, from its config.json. Names are those of transformers' Qwen2_5_VLConfig.
 * Both layouts are read: text settings at the top level (first releases) and under `text_config` (transformers 4.52 on).
 */
export interface PolicyConfig {
  readonly architecture: Architecture;
  readonly text: TextConfig;
  readonly vision: VisionConfig;
  readonly videoTokenId: number;
  readonly imageTokenId: number;
  readonly visionStartTokenId: number;
  /** Tokens that end a completion; the first one ends a training target. */
  readonly eosTokenIds: readonly number[];
  readonly padTokenId: number;
  readonly tieWordEmbeddings: boolean;
  /** config.json as read: it is written back with a checkpoint. */
  readonly raw: Readonly<Record<string, unknown>>;
}

export interface TextConfig {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly rmsNormEps: number;
  readonly ropeTheta: number;
  /** Rotary frequencies that turn with time, height and width; sums to headDim / 2. */
  readonly mropeSection: readonly number[];
  /** Most tokens of a prompt with its completion (max_position_embeddings); null where the file does not say. */
  readonly contextLength: number | null;
}

export interface VisionConfig {
  readonly depth: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly heads: number;
  readonly outHiddenSize: number;
  readonly patchSize: number;
  readonly temporalPatchSize: number;
  readonly spatialMergeSize: number;
  /** Side of the windows of attention in pixels; null when every block attends within whole frames. */
  readonly windowSize: number | null;
  /** Blocks that attend within whole frames although others have windows. */
  readonly fullAttentionBlocks: readonly number[];
  /** Temporal positions in a second; null when time is not in positions. */
  readonly tokensPerSecond: number | null;
  /** Learned positions, a square grid that is stretched over a frame; 0 when there are none. */
  readonly positionEmbeddings: number;
  /** Blocks whose features are added to the first layers of the decoder (deepstack), one a layer. */
  readonly deepstackBlocks: readonly number[];
  readonly design: VisionDesign;
}

/** YaRN and others stretch positions, and change what attention sees. */
const plainRope = z.enum(["default", "mrope"]).nullish();
const rope = z
  .object({
    mrope_section: z.array(z.int()),
    rope_theta: z.number().optional(),
    type: plainRope,
    rope_type: plainRope,
  })
  .loose();
const textSchema = z
  .object({
    vocab_size: z.int().positive(),
    hidden_size: z.int().positive(),
    intermediate_size: z.int().positive(),
    num_hidden_layers: z.int().positive(),
    num_attention_heads: z.int().positive(),
    num_key_value_heads: z.int().positive(),
    head_dim: z.int().positive().nullish(),
    max_position_embeddings: z.int().positive().nullish(),
    rms_norm_eps: z.number().default(1e-6),
    rope_theta: z.number().nullish(),
    rope_scaling: rope.nullish(),
    rope_parameters: rope.nullish(),
    hidden_act: z.literal("silu").default("silu"),
    use_sliding_window: z.literal(false).default(false),
    attention_bias: z.literal(false).default(false),
  })
  .loose();
const topSchema = (architecture: Architecture) =>
  z
    .object({
      vision_config: architecture.visionSchema,
      text_config: textSchema.optional(),
      video_token_id: z.int(),
      image_token_id: z.int(),
      vision_start_token_id: z.int(),
      eos_token_id: z.union([z.int(), z.array(z.int())]).nullish(),
      pad_token_id: z.int().nullish(),
      tie_word_embeddings: z.boolean().nullish(),
    })
    .loose();

/**
 * @param json parsed config.json
 * @param file its path, for messages
 * @throws UserError "bad-checkpoint" naming the key
 */
export function readPolicyConfig(json: unknown, file: string): PolicyConfig {
  const architecture = architectureOf(json, file);
  const top = parse(topSchema(architecture), json, file);
  // SAFETY: an object, since it was parsed as one; its values stay unknown.
  const raw = json as Record<string, unknown>;
  const text = top.text_config ?? parse(textSchema, json, file);
  const ropeParameters = text.rope_parameters ?? text.rope_scaling;
  const headDim = text.head_dim ?? text.hidden_size / text.num_attention_heads;
  if (ropeParameters === undefined || ropeParameters === null)
    throw badConfig(file, "rope_scaling.mrope_section: expected a list, found nothing");
  const half = ropeParameters.mrope_section.reduce((a, b) => a + b, 0);
  if (half * 2 !== headDim) {
    throw badConfig(file, `mrope_section: expected a sum of ${headDim / 2} (half the head dimension), found ${half}`);
  }
  if (text.num_attention_heads % text.num_key_value_heads !== 0) {
    throw badConfig(
      file,
      `num_key_value_heads: expected a divisor of ${text.num_attention_heads}, found ${text.num_key_value_heads}`,
    );
  }
  const eos = top.eos_token_id ?? numberIn(text, "eos_token_id");
  const pad = top.pad_token_id ?? numberIn(text, "pad_token_id");
  const eosTokenIds = eos === undefined || eos === null ? [] : Array.isArray(eos) ? eos : [eos];
  return {
    architecture,
    text: {
      vocabSize: text.vocab_size,
      hiddenSize: text.hidden_size,
      intermediateSize: text.intermediate_size,
      layers: text.num_hidden_layers,
      heads: text.num_attention_heads,
      kvHeads: text.num_key_value_heads,
      headDim,
      rmsNormEps: text.rms_norm_eps,
      ropeTheta: ropeParameters.rope_theta ?? text.rope_theta ?? 1_000_000,
      mropeSection: ropeParameters.mrope_section,
      contextLength: text.max_position_embeddings ?? null,
    },
    vision: { ...top.vision_config, design: architecture.vision },
    videoTokenId: top.video_token_id,
    imageTokenId: top.image_token_id,
    visionStartTokenId: top.vision_start_token_id,
    eosTokenIds,
    padTokenId: pad ?? eosTokenIds[0] ?? 0,
    tieWordEmbeddings: top.tie_word_embeddings ?? booleanIn(text, "tie_word_embeddings") ?? false,
    raw,
  };
}

function architectureOf(json: unknown, file: string): Architecture {
  const { model_type: modelType } = parse(z.object({ model_type: z.unknown() }), json, file);
  const architecture = findArchitecture(modelType);
  if (architecture !== undefined) return architecture;
  throw badConfig(file, `model_type: ${JSON.stringify(modelType) ?? "nothing"} is no architecture that is known here`);
}

function parse<T extends z.ZodType>(schema: T, json: unknown, file: string): z.output<T> {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw badConfig(file, `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "not readable"}`);
}

function badConfig(file: string, message: string): UserError {
  return new UserError({
    code: "bad-checkpoint",
    where: file,
    message,
    hint: `The embedded engine reads checkpoints of ${knownArchitectures()}.`,
  });
}

function numberIn(object: Readonly<Record<string, unknown>>, key: string): number | undefined {
  const value = object[key];
  return typeof value === "number" ? value : undefined;
}

function booleanIn(object: Readonly<Record<string, unknown>>, key: string): boolean | undefined {
  const value = object[key];
  return typeof value === "boolean" ? value : undefined;
}
