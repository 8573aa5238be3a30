import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { hashCheckpoint, readCheckpoint, writeCheckpoint } from "../../../src/engine/policy/checkpoint.ts";
import { readPolicyConfig } from "../../../src/engine/policy/config.ts";
import { parameterSpecs } from "../../../src/engine/policy/parameters.ts";
import { gridOf } from "../../../src/engine/policy/patches.ts";
import { SafetensorsFile, writeSafetensors, type NamedTensor } from "../../../src/engine/policy/safetensors.ts";
import { readTokenizer } from "../../../src/engine/policy/tokenizer.ts";
import { UserError } from "../../../src/protocol/errors.ts";
import { changeJson, copiesDir, copyOf, says } from "./brokenCheckpoint.ts";
import { checkpointDir, readJson } from "./tinyPolicy.ts";

const tied = checkpointDir("policy/tied");
const untied = checkpointDir("policy/untied");

describe("layouts", () => {
  test("the names of transformers' modules and those of the published checkpoints are read alike", async () => {
    for (const from of [tied, untied]) {
      const known = await readCheckpoint(from);
      const dir = copyOf(from);
      const renamed = (await readTensors(from)).map((tensor) => ({
        ...tensor,
        name: tensor.name.replace(/^model\./, "model.language_model.").replace(/^visual\./, "model.visual."),
      }));
      await writeSafetensors(path.join(dir, "model.safetensors"), renamed, "float32");
      assert.ok(renamed.some(({ name }) => name.startsWith("model.visual.blocks.0")));
      assert.deepEqual((await readCheckpoint(dir)).weights, known.weights);
    }
  });

  test("weights are read from shards", async () => {
    const dir = copyOf(untied);
    const tensors = await readTensors(untied);
    const shards = [tensors.slice(0, 20), tensors.slice(20)];
    const names = shards.map((_, i) => `model-0000${i + 1}-of-00002.safetensors`);
    for (const [i, shard] of shards.entries()) await writeSafetensors(path.join(dir, names[i] ?? ""), shard, "float32");
    const map = shards.flatMap((shard, i) => shard.map(({ name }) => [name, names[i]]));
    const index = { metadata: {}, weight_map: Object.fromEntries(map) as Record<string, string> };
    fs.writeFileSync(path.join(dir, "model.safetensors.index.json"), JSON.stringify(index));
    fs.rmSync(path.join(dir, "model.safetensors"));
    assert.deepEqual((await readCheckpoint(dir)).weights, (await readCheckpoint(untied)).weights);
    fs.rmSync(path.join(dir, names[1] ?? ""));
    await assert.rejects(readCheckpoint(dir), says(/00002-of-00002\.safetensors.*cannot be opened/));
  });

  test("a folder of Hugging Face's cache is read, where every file is a link to a blob", async () => {
    const cache = fs.mkdtempSync(path.join(copiesDir, "hub-"));
    const snapshot = path.join(cache, "snapshots", "0123abcd");
    for (const folder of [snapshot, path.join(cache, "blobs")]) fs.mkdirSync(folder, { recursive: true });
    for (const [i, name] of fs.readdirSync(tied).entries()) {
      fs.copyFileSync(path.join(tied, name), path.join(cache, "blobs", `blob${i}`));
      fs.symlinkSync(path.join("..", "..", "blobs", `blob${i}`), path.join(snapshot, name));
    }
    const linked = await readCheckpoint(snapshot);
    assert.deepEqual(linked.weights, (await readCheckpoint(tied)).weights);
    assert.equal(await hashCheckpoint(snapshot), await hashCheckpoint(tied));
    await readTokenizer(snapshot, linked.config);
  });

  test("what is written is read again, the tokenizer included, in either number format", async () => {
    for (const dtype of ["float32", "bfloat16"] as const) {
      const dir = path.join(copiesDir, `written-${dtype}`);
      const checkpoint = await readCheckpoint(tied);
      await writeCheckpoint(dir, checkpoint, dtype);
      const again = await readCheckpoint(dir);
      // The fixture's weights are bfloat16 numbers, so that nothing is lost in either.
      assert.deepEqual(again.weights, checkpoint.weights);
      assert.deepEqual(again.config, checkpoint.config);
      const tokenizer = await readTokenizer(dir, again.config);
      assert.deepEqual(tokenizer.encode("1.5 to 3.0"), (await readTokenizer(tied, again.config)).encode("1.5 to 3.0"));
    }
  });

  test("a hash is remembered for as long as the files keep their sizes and times", async () => {
    const dir = copyOf(tied);
    const cacheDir = path.join(copiesDir, "cache");
    const weights = path.join(dir, "model.safetensors");
    const written = new Date(2026, 0, 1);
    fs.utimesSync(weights, written, written);
    const hash = await hashCheckpoint(dir, cacheDir);
    assert.equal(hash, await hashCheckpoint(dir));
    const bytes = fs.readFileSync(weights);
    fs.writeFileSync(weights, bytes.fill(0, bytes.length - 4));
    fs.utimesSync(weights, written, written);
    assert.equal(await hashCheckpoint(dir, cacheDir), hash);
    fs.utimesSync(weights, written, new Date(2026, 0, 2));
    assert.equal(await hashCheckpoint(dir, cacheDir), await hashCheckpoint(dir));
    assert.notEqual(await hashCheckpoint(dir, cacheDir), hash);
  });

  test("the hash follows weights, settings and tokenizer, and nothing else", async () => {
    const dir = copyOf(tied);
    const first = await hashCheckpoint(dir);
    assert.match(first, /^[0-9a-f]{64}$/);
    fs.writeFileSync(path.join(dir, "generation_config.json"), "{}");
    assert.equal(await hashCheckpoint(dir), first);
    for (const name of ["model.safetensors", "config.json", "tokenizer.json"]) {
      const bytes = fs.readFileSync(path.join(dir, name));
      fs.writeFileSync(path.join(dir, name), Buffer.concat([bytes.subarray(0, -1), Buffer.from("\t")]));
      assert.notEqual(await hashCheckpoint(dir), first, name);
      fs.writeFileSync(path.join(dir, name), bytes);
    }
    assert.equal(await hashCheckpoint(dir), first);
  });
});

describe("a checkpoint that cannot be used is told by tensor and file", () => {
  test("a tensor that is missing", async () => {
    const dir = await changed(tied, (tensors) => tensors.filter(({ name }) => name !== "model.norm.weight"));
    await assert.rejects(
      readCheckpoint(dir),
      says(/model\.safetensors.* tensor model\.norm\.weight is missing; expected shape \[32\]/),
    );
  });

  test("a tensor of another shape", async () => {
    const dir = await changed(tied, (tensors) =>
      tensors.map((t) => (t.name === "visual.merger.mlp.0.weight" ? { ...t, shape: [32, 128] } : t)),
    );
    await assert.rejects(
      readCheckpoint(dir),
      says(
        /model\.safetensors.* visual\.merger\.mlp\.0\.weight has shape \[32, 128\]; config\.json asks for \[64, 64\]/,
      ),
    );
  });

  test("a head that is not tied, in a checkpoint without one", async () => {
    const dir = copyOf(tied);
    changeJson(dir, "config.json", (config) => ({ ...config, tie_word_embeddings: false }));
    await assert.rejects(readCheckpoint(dir), says(/tensor lm_head\.weight is missing/));
  });

  test("no weights, no config, a config that is not JSON", async () => {
    const dir = copyOf(tied);
    fs.rmSync(path.join(dir, "model.safetensors"));
    await assert.rejects(readCheckpoint(dir), says(/neither model\.safetensors nor model\.safetensors\.index\.json/));
    fs.writeFileSync(path.join(dir, "config.json"), "{");
    await assert.rejects(readCheckpoint(dir), says(/config\.json: .*not readable JSON/));
    fs.rmSync(path.join(dir, "config.json"));
    await assert.rejects(readCheckpoint(dir), says(/config\.json: .*missing/));
    await assert.rejects(readCheckpoint(path.join(copiesDir, "nowhere")), says(/config\.json: .*missing/));
  });
});

describe("config.json", () => {
  const config = readJson<Record<string, unknown>>(path.join(tied, "config.json"));
  const text = config["text_config"] as Record<string, unknown>;
  const vision = config["vision_config"] as Record<string, unknown>;
  const read = (json: unknown) => readPolicyConfig(json, "config.json");

  test("is read in the layout of the first releases too", () => {
    const { text_config: _, ...top } = config;
    const scaling = { type: "mrope", mrope_section: [2, 1, 1] };
    const { rope_parameters: __, ...flatText } = text;
    const flat = { ...top, ...flatText, model_type: "qwen2_5_vl", rope_theta: 10000, rope_scaling: scaling };
    const { raw: ___, ...found } = read(flat);
    const { raw: ____, ...known } = read(config);
    assert.deepEqual(found, known);
    assert.deepEqual(
      parameterSpecs(read(flat)).map((s) => s.name),
      parameterSpecs(read(config)).map((s) => s.name),
    );
  });

  test("ends and padding: one token or several, and what is taken when none is given", () => {
    const both = { ...config, eos_token_id: [3, 4], pad_token_id: 5 };
    assert.deepEqual([read(both).eosTokenIds, read(both).padTokenId], [[3, 4], 5]);
    const { eos_token_id: _, pad_token_id: __, ...bare } = text;
    const none = read({ ...config, text_config: bare });
    assert.deepEqual([none.eosTokenIds, none.padTokenId], [[], 0]);
    const padless = read({ ...config, eos_token_id: 9, text_config: bare });
    assert.deepEqual([padless.eosTokenIds, padless.padTokenId], [[9], 9]);
  });

  test("a completion ends at the tokens of generation_config.json too", async () => {
    const [end = NaN] = (await readCheckpoint(tied)).config.eosTokenIds;
    for (const [ends, known] of [
      [
        [end, 7],
        [end, 7],
      ],
      [7, [end, 7]],
      [undefined, [end]],
    ] as const) {
      const dir = copyOf(tied);
      fs.writeFileSync(path.join(dir, "generation_config.json"), JSON.stringify({ eos_token_id: ends }));
      assert.deepEqual((await readCheckpoint(dir)).config.eosTokenIds, known);
    }
  });

  test("frames that do not divide into its patches", () => {
    const { vision: sizes } = read(config);
    const side = sizes.patchSize * sizes.spatialMergeSize;
    assert.deepEqual(gridOf(4, side, 2 * side, sizes), { t: 2, h: 2, w: 4 });
    for (const [frames, height, width] of [
      [3, side, side],
      [4, side + 1, side],
      [4, side, side - 1],
    ] as const)
      assert.throws(
        () => gridOf(frames, height, width, sizes),
        (error) => UserError.is(error, "bad-checkpoint") && error.message.includes(`of ${width} x ${height} px`),
      );
  });

  test("an unknown architecture is told with the known ones", () => {
    for (const unknown of [
      { ...config, model_type: "qwen3_vl_moe" },
      { ...config, model_type: undefined },
    ]) {
      assert.throws(
        () => read(unknown),
        (error) =>
          UserError.is(error, "bad-checkpoint") &&
          ["qwen2_vl", "qwen2_5_vl", "qwen3_vl"].every((known) => error.hint?.includes(`model_type ${known})`)),
      );
    }
  });

  const mistakes: readonly [string, unknown, RegExp][] = [
    ["another architecture", { ...config, model_type: "llava" }, /model_type: "llava" is no architecture/],
    ["no vision part", { ...config, vision_config: undefined }, /vision_config: /],
    [
      "a size that is no number",
      { ...config, text_config: { ...text, hidden_size: "32" } },
      /text_config\.hidden_size/,
    ],
    [
      "another activation",
      { ...config, text_config: { ...text, hidden_act: "gelu" } },
      /text_config\.hidden_act: .*"silu"/,
    ],
    [
      "a sliding window",
      { ...config, text_config: { ...text, use_sliding_window: true } },
      /text_config\.use_sliding_window: .*false/,
    ],
    ["no M-RoPE", { ...config, text_config: { ...text, rope_parameters: null } }, /mrope_section: expected a list/],
    [
      "M-RoPE of another size",
      { ...config, text_config: { ...text, rope_parameters: { mrope_section: [16, 24, 24] } } },
      /mrope_section: expected a sum of 4 .*, found 64/,
    ],
    [
      "positions that are stretched",
      {
        ...config,
        text_config: {
          ...text,
          rope_parameters: { ...(text["rope_parameters"] as object), rope_type: "yarn", factor: 4 },
        },
      },
      /rope_type/,
    ],
    [
      "heads that do not share keys evenly",
      { ...config, text_config: { ...text, num_key_value_heads: 3 } },
      /num_key_value_heads: expected a divisor of 4, found 3/,
    ],
    ["a vision depth of nothing", { ...config, vision_config: { ...vision, depth: 0 } }, /vision_config\.depth/],
    ["not an object", [], /expected object|not readable/],
  ];
  for (const [name, json, message] of mistakes) {
    test(`a mistake is told by its key: ${name}`, () => {
      assert.throws(() => read(json), says(message));
    });
  }
});

async function changed(
  from: string,
  change: (tensors: readonly NamedTensor[]) => readonly NamedTensor[],
): Promise<string> {
  const dir = copyOf(from);
  await writeSafetensors(path.join(dir, "model.safetensors"), change(await readTensors(from)), "float32");
  return dir;
}

async function readTensors(dir: string): Promise<NamedTensor[]> {
  const file = await SafetensorsFile.open(path.join(dir, "model.safetensors"));
  try {
    const tensors: NamedTensor[] = [];
    for (const name of file.names) {
      tensors.push({ name, shape: file.shapeOf(name) ?? [], data: await file.read(name) });
    }
    return tensors;
  } finally {
    await file.close();
  }
}
