import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { UserError } from "../../../src/protocol/errors.ts";
import { hashCheckpoint, readCheckpointConfig } from "../../../src/engine/policy/checkpoint.ts";
import { readMergedCheckpoint } from "../../../src/engine/policy/mergedCheckpoint.ts";
import { modelDirOf } from "../../../src/engine/policy/peftAdapter.ts";
import { SafetensorsFile, writeSafetensors } from "../../../src/engine/policy/safetensors.ts";
import { checkpointDir, maxDifference, readJson } from "./tinyPolicy.ts";

// What an adapter does to logits is checked in parity.test.ts.
const model = checkpointDir("policy/qwen3-vl");
const published = path.join(model, "adapter");
let dir = "";
let cache: string | undefined;

before(() => {
  cache = process.env["HF_HUB_CACHE"];
  dir = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-adapter-"));
});
beforeEach(() => {
  fs.cpSync(published, dir, { recursive: true, force: true });
  change({ base_model_name_or_path: model });
});
after(() => {
  if (cache === undefined) delete process.env["HF_HUB_CACHE"];
  else process.env["HF_HUB_CACHE"] = cache;
  fs.rmSync(dir, { recursive: true, force: true });
});

test("an adapter has the architecture and the tokenizer of its model, and a hash of its own", async () => {
  assert.equal(modelDirOf(dir), model);
  assert.deepEqual(await readCheckpointConfig(dir), await readCheckpointConfig(model));
  const { modelDir, dir: named } = await readMergedCheckpoint(dir);
  assert.deepEqual([modelDir, named], [model, dir]);
  const hash = await hashCheckpoint(dir);
  assert.notEqual(hash, await hashCheckpoint(model));
  change({ base_model_name_or_path: model, lora_alpha: 7 });
  assert.notEqual(await hashCheckpoint(dir), hash);
});

test("its model is found by its name on the hub, where huggingface_hub has put it", () => {
  const hub = path.join(dir, "hub");
  process.env["HF_HUB_CACHE"] = hub;
  const home = path.join(hub, "models--Qwen--Qwen3-VL-tiny");
  fs.mkdirSync(path.join(home, "refs"), { recursive: true });
  fs.mkdirSync(path.join(home, "snapshots"));
  fs.writeFileSync(path.join(home, "refs", "main"), "0123abc");
  fs.symlinkSync(model, path.join(home, "snapshots", "0123abc"), "junction");
  change({ base_model_name_or_path: "Qwen/Qwen3-VL-tiny" });
  assert.equal(modelDirOf(dir), path.join(home, "snapshots", "0123abc"));
  change({ base_model_name_or_path: "Qwen/Qwen3-VL-tiny", revision: "0123abc" });
  assert.equal(modelDirOf(dir), path.join(home, "snapshots", "0123abc"));
});

test("an adapter on an adapter is merged after it", async () => {
  const second = path.join(dir, "second");
  fs.cpSync(published, second, { recursive: true });
  change({ base_model_name_or_path: ".." }, second);
  const weights = await Promise.all([model, dir, second].map(async (one) => (await readMergedCheckpoint(one)).weights));
  const [base, once, twice] = weights.map((all) => all.get("model.layers.0.self_attn.v_proj.weight"));
  assert.ok(base !== undefined && once !== undefined && twice !== undefined);
  const expected = base.map((x, i) => x + 2 * ((once[i] ?? NaN) - x));
  assert.ok(maxDifference(once, base) > 0.01);
  assert.ok(maxDifference(twice, expected) < 1e-5);
});

test("a pattern of alphas may name modules in full, as transformers names them, or by their end", async () => {
  const module = "self_attn.v_proj";
  const changeOf = async (pattern: Readonly<Record<string, number>>): Promise<Float32Array> => {
    change({ base_model_name_or_path: model, lora_alpha: 8, alpha_pattern: pattern });
    const [base, merged] = await Promise.all([readMergedCheckpoint(model), readMergedCheckpoint(dir)]);
    const of = (weights: typeof base.weights) => weights.get(`model.layers.0.${module}.weight`) ?? new Float32Array(0);
    return of(merged.weights).map((x, i) => x - (of(base.weights)[i] ?? NaN));
  };
  const usual = await changeOf({});
  for (const name of [`model.language_model.layers.0.${module}`, `model.layers.0.${module}`, "v_proj"])
    assert.ok(maxDifference(await changeOf({ [name]: 32 }), usual.map((x) => 4 * x)) < 1e-5, name); // prettier-ignore
  assert.ok(maxDifference(await changeOf({ "layers.1.self_attn.v_proj": 32 }), usual) < 1e-6);
});

test("adapters that stand on each other are refused", async () => {
  change({ base_model_name_or_path: "." });
  await refused("bad-checkpoint", /stands on itself/);
  const second = path.join(dir, "second");
  fs.cpSync(published, second, { recursive: true });
  change({ base_model_name_or_path: ".." }, second);
  change({ base_model_name_or_path: "second" });
  await refused("bad-checkpoint", /stands on itself/);
  assert.throws(() => modelDirOf(second), /stands on itself/);
});

test("what cannot be read is named with its place", async () => {
  change({ base_model_name_or_path: "Qwen/Nowhere" });
  await refused("bad-checkpoint", /"Qwen\/Nowhere", found none at .*Nowhere and at .*models--Qwen--Nowhere/);
  change({ base_model_name_or_path: model, use_dora: true });
  await refused("unsupported", /"use_dora".*Only plain LoRA/);
  change({ base_model_name_or_path: model, layer_replication: [[0, 2]] });
  await refused("unsupported", /"layer_replication": found \[\[0,2\]\]/);
  for (const init of ["pissa", "pissa_niter_4", "olora", "loftq", "corda"]) {
    change({ base_model_name_or_path: model, init_lora_weights: init });
    await refused("unsupported", /"init_lora_weights"/);
  }
  change({ base_model_name_or_path: model, peft_type: "IA3" });
  await refused("unsupported", /"peft_type"/);
  fs.writeFileSync(path.join(dir, "adapter_config.json"), "{");
  await refused("bad-checkpoint", /not readable JSON/);
  change({ base_model_name_or_path: checkpointDir("policy/tied") });
  await refused("bad-checkpoint", /lora_A\.weight has shape \[3, 64\]; the model asks for \[3, 32\]/);
  fs.rmSync(path.join(dir, "adapter_model.safetensors"));
  await refused("bad-checkpoint", /weights are missing/);
});

test("tensors of other kinds are named, not left out", async () => {
  const file = await SafetensorsFile.open(path.join(published, "adapter_model.safetensors"));
  const tensors = await Promise.all(
    file.names.map(async (name) => ({ name, shape: file.shapeOf(name) ?? [], data: await file.read(name) })),
  );
  await file.close();
  const [first] = tensors;
  assert.ok(first !== undefined);
  const other = path.join(dir, "adapter_model.safetensors");
  const embedding = "base_model.model.model.language_model.embed_tokens.lora_embedding_A";
  await writeSafetensors(other, [...tensors, { ...first, name: embedding }], "float32");
  await refused("bad-checkpoint", /lora_embedding_A is none of a layer's LoRA/);
  await writeSafetensors(
    other,
    tensors.filter(({ name }) => name !== tensors.find(isA)?.name),
    "float32",
  );
  await refused("bad-checkpoint", /lora_A.weight is missing/);
});

function isA({ name }: { readonly name: string }): boolean {
  return name.endsWith(".lora_A.weight");
}

function change(keys: object, folder = dir): void {
  const config = readJson<object>(path.join(published, "adapter_config.json"));
  fs.writeFileSync(path.join(folder, "adapter_config.json"), JSON.stringify({ ...config, ...keys }));
}

function refused(code: string, message: RegExp): Promise<void> {
  return assert.rejects(readMergedCheckpoint(dir), (error) => {
    assert.ok(UserError.is(error), String(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  });
}
