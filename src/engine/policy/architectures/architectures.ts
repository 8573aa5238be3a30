import type { Architecture } from "./architecture.ts";
import { qwen25Vl } from "./qwen25Vl.ts";
import { qwen2Vl } from "./qwen2Vl.ts";
import { qwen3Vl } from "./qwen3Vl.ts";

/** The families of models that the embedded engine computes. */
export const architectures: readonly Architecture[] = [qwen2Vl, qwen25Vl, qwen3Vl];

export function findArchitecture(modelType: unknown): Architecture | undefined {
  return architectures.find((row) => row.modelType === modelType);
}

/** "Qwen2-VL (model_type qwen2_vl), …", for messages. */
export function knownArchitectures(): string {
  return architectures.map(({ title, modelType }) => `${title} (model_type ${modelType})`).join(", ");
}
