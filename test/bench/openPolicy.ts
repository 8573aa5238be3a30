// What a checkpoint of a published size costs to open and to sample from: `node scripts/typescript.mjs
// test/bench/openPolicy.ts ["policy 0.5B"] ["policy 3B"]` writes random bfloat16 weights of that shape into a temporary
// folder (2.3 and 7.5 GB), opens them as a run does without training, and decodes 16 tokens of 8 completions.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { openPolicy } from "../../src/engine/embedded/openPolicy.ts";
import { publishedConfig } from "../../src/engine/embedded/policySizes.ts";
import { elementCount } from "../../src/engine/graph/types.ts";
import type { PolicyConfig } from "../../src/engine/policy/config.ts";
import { parameterSpecs } from "../../src/engine/policy/parameters.ts";
import { prepareTokens } from "../../src/engine/policy/preparedPrompt.ts";
import { computePromptKv } from "../../src/engine/policy/promptKv.ts";
import { sampleGroups } from "../../src/engine/rollout/sampler.ts";
import { validateSpec } from "../../src/protocol/spec.ts";

const { positionals } = parseArgs({ allowPositionals: true });
const known = ["policy 0.5B", "policy 3B", "policy 7B"] as const;
const chosen = known.filter((name) => (positionals.length === 0 ? name === "policy 0.5B" : positionals.includes(name)));
console.log("| policy | file | open | memory when open | prefill of 256 tokens | 16 tokens of 8 completions | peak |");
console.log("|---|---|---|---|---|---|---|");
for (const name of chosen) await measure(name);

async function measure(name: (typeof known)[number]): Promise<void> {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-open-"));
  try {
    const bytes = writeRandom(dir, publishedConfig(name));
    const data = { id: "a", task: "tracking", format: "got10k-sampled", path: "a.json", videos: "." } as const;
    const checked = validateSpec({
      name: "bench",
      policy: { model: dir },
      data: [data],
      rewards: [{ name: "format" }],
    });
    if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
    const laps = [performance.now()];
    const { policy } = await openPolicy(checked.spec, "", null, os.availableParallelism(), false);
    laps.push(performance.now());
    const { rss } = process.memoryUsage();
    const text = Array.from({ length: 256 }, (_, i) => 20 + (i % 200));
    const prompt = prepareTokens(text, [], policy.config);
    const kv = await computePromptKv(policy, prompt);
    laps.push(performance.now());
    const options = { temperature: 1, topP: 1, topK: 0, groupSize: 8, maxCompletionLength: 16 };
    await sampleGroups(policy, [{ prompt, seed: 1, kv }], options);
    laps.push(performance.now());
    const [open = 0, prefill = 0, decode = 0] = laps.slice(1).map((lap, i) => (lap - (laps[i] ?? 0)) / 1000);
    const peak = process.resourceUsage().maxRSS * 1024;
    const gigabytes = (count: number): string => `${(count / 1e9).toFixed(1)} GB`;
    const seconds = [open, prefill, decode].map((time) => `${time.toFixed(1)} s`);
    console.log(
      `| ${[name, gigabytes(bytes), seconds[0], gigabytes(rss), seconds[1], seconds[2], gigabytes(peak)].join(" | ")} |`,
    );
  } finally {
    fs.rmSync(dir, { recursive: true, force: true });
  }
}

/** Weights of the size of real ones, written block by block: the whole would not fit into memory beside the policy. */
function writeRandom(dir: string, config: PolicyConfig): number {
  const bundled = path.resolve("examples", "moving-shapes", "policy");
  for (const name of fs.readdirSync(bundled).filter((file) => !/safetensors|^config/.test(file)))
    fs.copyFileSync(path.join(bundled, name), path.join(dir, name));
  fs.writeFileSync(path.join(dir, "config.json"), JSON.stringify(config.raw));
  const specs = parameterSpecs(config);
  const header: Record<string, unknown> = {};
  let offset = 0;
  for (const { name, shape } of specs) {
    const end = offset + 2 * elementCount(shape);
    header[name] = { dtype: "BF16", shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  // Numbers of either sign around 0.02.
  const block = Buffer.from(
    Uint16Array.from({ length: 1 << 22 }, (_, i) => ((i % 2) << 15) | (0x3c80 + ((i * 37) & 63))).buffer,
  );
  const file = fs.openSync(path.join(dir, "model.safetensors"), "w");
  fs.writeSync(file, Buffer.concat([length, json]));
  for (let left = offset; left > 0; left -= block.length) fs.writeSync(file, block, 0, Math.min(left, block.length));
  fs.closeSync(file);
  return offset;
}
