// What a checkpoint of a published size costs to open and to sample from: `node scripts/typescript.mjs
// test/bench/openPolicy.ts ["policy 0.5B"] ["policy 3B"]` writes random bfloat16 weights of that shape into a temporary
// folder (2.3 and 7.5 GB), opens them as a run does without training, and decodes 16 tokens of 8 completions.
import os from "node:os";
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { openPolicy } from "../../src/engine/embedded/openPolicy.ts";
import { prepareTokens } from "../../src/engine/policy/preparedPrompt.ts";
import { computePromptKv } from "../../src/engine/policy/promptKv.ts";
import { sampleGroups } from "../../src/engine/rollout/sampler.ts";
import { validateSpec } from "../../src/protocol/spec.ts";
import { publishedNames, withRandomCheckpoint, type PublishedName } from "./randomWeights.ts";

const { positionals } = parseArgs({ allowPositionals: true });
const chosen = publishedNames.filter((name) =>
  positionals.length === 0 ? name === "policy 0.5B" : positionals.includes(name),
);
console.log("| policy | file | open | memory when open | prefill of 256 tokens | 16 tokens of 8 completions | peak |");
console.log("|---|---|---|---|---|---|---|");
for (const name of chosen) await withRandomCheckpoint(name, (dir, bytes) => measure(name, dir, bytes));

async function measure(name: PublishedName, dir: string, bytes: number): Promise<void> {
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
}
