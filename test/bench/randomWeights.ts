import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { publishedConfig } from "../../src/engine/embedded/policySizes.ts";
import { elementCount } from "../../src/engine/graph/types.ts";
import { readPolicyConfig } from "../../src/engine/policy/config.ts";
import { parameterSpecs } from "../../src/engine/policy/parameters.ts";

export const publishedNames = ["policy 0.5B", "policy 3B", "policy 7B"] as const;
export type PublishedName = (typeof publishedNames)[number];

/**
 * A folder with random bfloat16 weights of a published shape (2.3, 7.5 and 16.6 GB), for the length of a piece of work.
 * @param layers of the decoder, if not all
 */
export async function withRandomCheckpoint<T>(
  name: PublishedName,
  work: (dir: string, bytes: number) => Promise<T>,
  layers?: number,
): Promise<T> {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-random-"));
  try {
    return await work(dir, writeRandom(dir, name, layers));
  } finally {
    fs.rmSync(dir, { recursive: true, force: true });
  }
}

const tokenKeys = ["video_token_id", "image_token_id", "vision_start_token_id", "eos_token_id"];

/** Written block by block: the whole would not fit into memory beside the policy. */
function writeRandom(dir: string, published: PublishedName, layers: number | undefined): number {
  const { raw } = publishedConfig(published);
  const bundled = path.resolve("examples", "moving-shapes", "policy");
  for (const name of fs.readdirSync(bundled).filter((file) => !/safetensors|^config/.test(file)))
    fs.copyFileSync(path.join(bundled, name), path.join(dir, name));
  // SAFETY: the config.json of a checkpoint.
  const own = JSON.parse(fs.readFileSync(path.join(bundled, "config.json"), "utf8")) as Record<string, unknown>;
  // The tokenizer's tokens, which are far fewer than the policy has rows for.
  const tokens = Object.fromEntries(tokenKeys.map((key) => [key, own[key]]));
  const json = { ...raw, ...tokens, ...(layers === undefined ? {} : { num_hidden_layers: layers }) };
  fs.writeFileSync(path.join(dir, "config.json"), JSON.stringify(json));
  const header: Record<string, unknown> = {};
  let offset = 0;
  for (const { name, shape } of parameterSpecs(readPolicyConfig(json, published))) {
    const end = offset + 2 * elementCount(shape);
    header[name] = { dtype: "BF16", shape, data_offsets: [offset, end] };
    offset = end;
  }
  const start = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(start.length));
  // Numbers of either sign around 0.02.
  const block = Buffer.from(
    Uint16Array.from({ length: 1 << 22 }, (_, i) => ((i % 2) << 15) | (0x3c80 + ((i * 37) & 63))).buffer,
  );
  const file = fs.openSync(path.join(dir, "model.safetensors"), "w");
  fs.writeSync(file, Buffer.concat([length, start]));
  for (let left = offset; left > 0; left -= block.length) fs.writeSync(file, block, 0, Math.min(left, block.length));
  fs.closeSync(file);
  return offset;
}
