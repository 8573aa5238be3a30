// What a further question on one clip costs: `node scripts/typescript.mjs test/bench/questions.ts` prefills questions of 32
// tokens on a clip of 1,920 visual tokens with a policy of about 25 M parameters, whole and after the clip they share.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { openPolicy } from "../../src/engine/embedded/openPolicy.ts";
import { prepareTokens, type PreparedPrompt } from "../../src/engine/policy/preparedPrompt.ts";
import { computePromptKv } from "../../src/engine/policy/promptKv.ts";
import { computeKvAfterShown, type ShownKv } from "../../src/engine/policy/shownKv.ts";
import { validateSpec } from "../../src/protocol/spec.ts";
import { randomClip } from "./grpoStep/clip.ts";
import { writeRandomCheckpoint } from "./grpoStep/shape.ts";
import { summary, timed } from "./timing.ts";

const questions = 8;
const dir = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-questions-"));
try {
  const model = path.join(dir, "policy");
  await writeRandomCheckpoint(model);
  const data = { id: "a", task: "tracking", format: "got10k-sampled", path: "a.json", videos: "." } as const;
  const checked = validateSpec({ name: "bench", policy: { model }, data: [data], rewards: [{ name: "format" }] });
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  const { policy } = await openPolicy(checked.spec, "", null, os.availableParallelism(), false);
  const { config } = policy;
  const clip = randomClip({ frames: 20, heightPx: 448, widthPx: 336 });
  const visual = new Array<number>(1920).fill(config.videoTokenId);
  const prompts = Array.from({ length: questions }, (_, q): PreparedPrompt => {
    const text = Array.from({ length: 32 }, (_, i) => 20 + ((i * (q + 3)) % 200));
    return prepareTokens([config.visionStartTokenId, ...visual, 21, ...text], [{ kind: "video", clip }], config);
  });
  const shown: ShownKv = { last: null };
  const [whole, shared]: [number[], number[]] = [[], []];
  for (const prompt of prompts) {
    whole.push(await timed(() => computePromptKv(policy, prompt)));
    shared.push(await timed(() => computeKvAfterShown(policy, prompt, shown)));
  }
  console.log("| prefill of a question on a clip of 1,920 visual tokens | median (range) |\n|---|---|");
  // The first of each compiles its graphs.
  console.log(`| the whole prompt | ${summary(whole.slice(1))} |`);
  console.log(`| its text, after the clip of the question before | ${summary(shared.slice(1))} |`);
} finally {
  fs.rmSync(dir, { recursive: true, force: true });
}
