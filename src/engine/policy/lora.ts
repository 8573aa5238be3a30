import type { RunSpec } from "../../protocol/spec.ts";
import type { Shape } from "../graph/types.ts";
import type { PolicyConfig } from "./config.ts";
import { parameterSpecs } from "./parameters.ts";

/** Low-rank adapters: y = W x + (alpha / rank) B A x, A [rank, in], B [out, rank] (LoRA, PEFT's LoraConfig). */
export interface LoraConfig {
  readonly rank: number;
  readonly alpha: number;
  readonly targets: readonly string[];
}

export interface AdapterSpec {
  readonly name: string;
  readonly shape: Shape;
  readonly matrix: "A" | "B";
}

export function loraConfigOf(policy: RunSpec["policy"]): LoraConfig | null {
  return policy.lora ?? null;
}

/** Whether a projection (its name without `.weight`) carries an adapter. */
export function hasAdapter(projection: string, lora: LoraConfig | null): boolean {
  return (
    lora !== null && projection.startsWith("model.layers.") && lora.targets.includes(projection.split(".").at(-1) ?? "")
  );
}

export function adapterName(projection: string, matrix: "A" | "B"): string {
  return `${projection}.lora_${matrix}.weight`;
}

export function adapterSpecs(config: PolicyConfig, lora: LoraConfig): readonly AdapterSpec[] {
  return parameterSpecs(config).flatMap(({ name, shape }): AdapterSpec[] => {
    const projection = name.replace(/\.weight$/, "");
    if (!name.endsWith(".weight") || !hasAdapter(projection, lora)) return [];
    const [out, input] = [shape[0] ?? 0, shape[1] ?? 0];
    return [
      { name: adapterName(projection, "A"), shape: [lora.rank, input], matrix: "A" },
      { name: adapterName(projection, "B"), shape: [out, lora.rank], matrix: "B" },
    ];
  });
}
