import { readCheckpointConfig } from "../policy/checkpoint.ts";
import type { PolicyConfig } from "../policy/config.ts";

/** Side of the square of pixels that a visual token stands for: 28 for Qwen2-VL and Qwen2.5-VL, 32 for Qwen3-VL. */
export function pixelFactorOf({ vision }: PolicyConfig): number {
  return vision.patchSize * vision.spatialMergeSize;
}

/** Of a checkpoint directory. @throws UserError "bad-checkpoint" */
export async function readPixelFactor(dir: string): Promise<number> {
  return pixelFactorOf(await readCheckpointConfig(dir));
}
