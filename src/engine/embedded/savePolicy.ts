import fs from "node:fs/promises";
import path from "node:path";
import type { RunSpec } from "../../protocol/spec.ts";
import { writeCheckpoint } from "../policy/checkpoint.ts";
import { adapterSpecs, type LoraConfig } from "../policy/lora.ts";
import { tensorOf, type Policy } from "../policy/policy.ts";
import { writeSafetensors } from "../policy/safetensors.ts";
import { saveTrainingState, type OptimizerState } from "../policy/trainer.ts";

/**
 * Writes a run's checkpoint: a full Hugging Face directory, or an adapter in PEFT's layout, and beside it the training
 * state that an exact resume needs.
 */
export async function savePolicy(
  dir: string,
  spec: RunSpec,
  { policy, optimizer }: { policy: Policy; optimizer: OptimizerState },
): Promise<void> {
  await fs.mkdir(dir, { recursive: true });
  if (policy.lora === null) await writeCheckpoint(dir, policy.checkpoint, spec.policy.dtype);
  else await writeAdapter(dir, policy, policy.lora);
  await saveTrainingState(dir, policy, optimizer);
}

/** adapter_model.safetensors and adapter_config.json as peft.PeftModel.from_pretrained reads them. */
async function writeAdapter(dir: string, policy: Policy, lora: LoraConfig): Promise<void> {
  const tensors = adapterSpecs(policy.config, lora).map(({ name, shape }) => ({
    // transformers calls the decoder `model.language_model` since 4.52, and peft goes by module names.
    name: `base_model.model.${name.replace(/^model\./, "model.language_model.")}`,
    shape,
    data: tensorOf(policy, name),
  }));
  await writeSafetensors(path.join(dir, "adapter_model.safetensors"), tensors, "float32");
  const config = {
    peft_type: "LORA",
    task_type: "CAUSAL_LM",
    base_model_name_or_path: policy.checkpoint.dir,
    r: lora.rank,
    lora_alpha: lora.alpha,
    lora_dropout: 0,
    bias: "none",
    fan_in_fan_out: false,
    inference_mode: true,
    // Only the decoder: the vision tower has projections of the same names.
    target_modules: `.*language_model\\.layers\\.\\d+\\..*\\.(${lora.targets.join("|")})`,
  };
  await fs.writeFile(path.join(dir, "adapter_config.json"), JSON.stringify(config, null, 2) + "\n");
}
