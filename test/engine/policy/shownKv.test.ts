import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { usualLimits } from "../../../src/engine/policy/activations.ts";
import { prepareContent, type PreparedPrompt } from "../../../src/engine/policy/preparedPrompt.ts";
import { computePromptKv, type PromptKv } from "../../../src/engine/policy/promptKv.ts";
import { computeKvAfterShown, type ShownKv } from "../../../src/engine/policy/shownKv.ts";
import { checkpointDir, maxDifference, tinyContent, withPolicy, type TinyPart } from "./tinyPolicy.ts";

const clip = { type: "video", frames: 4, height: 224, width: 224, duration: 2 } as const;
const other = { ...clip, frames: 6 };
const question = (text: string, shown: readonly TinyPart[] = [clip]): TinyPart[] => [...shown, { type: "text", text }];

for (const fixture of ["untied", "qwen2-vl", "qwen3-vl"] as const) {
  describe(`${fixture}: questions on one clip share its keys and values`, () => {
    test("they are those of the whole prompt, whatever was asked before", () =>
      withPolicy(checkpointDir(`policy/${fixture}`), {}, async ({ policy: opened }) => {
        const prompts = [
          question("When does it move?"),
          question("What is the colour of the square, and where does it go after it has turned twice? ".repeat(3)),
          question("When?", [clip, { type: "text", text: "first" }, other]),
          question("No clip at all.", []),
        ].map((content) => prepareContent(tinyContent(content), opened.tokenizer, opened.config));
        for (const limits of [usualLimits, { ...usualLimits, layers: 1 }]) {
          const policy = { ...opened, limits };
          const shown: ShownKv = { last: null };
          for (const prompt of prompts) {
            const found = await computeKvAfterShown(policy, prompt, shown);
            const whole = await computePromptKv(policy, prompt);
            const difference = largestDifference(found, whole, prompt, policy.config.text.headDim);
            assert.ok(difference < 1e-5, `off by ${difference}`);
            // Bit for bit what it is without a question before it.
            assert.deepEqual(await computeKvAfterShown(policy, prompt, { last: null }), found);
          }
        }
      }));

    test("they are computed once for questions in a row, and again for another clip", () =>
      withPolicy(checkpointDir(`policy/${fixture}`), {}, async ({ policy }) => {
        const shown: ShownKv = { last: null };
        const ask = async (content: TinyPart[]): Promise<PromptKv | undefined> => {
          await computeKvAfterShown(
            policy,
            prepareContent(tinyContent(content), policy.tokenizer, policy.config),
            shown,
          );
          return shown.last?.kv;
        };
        const first = await ask(question("When?"));
        assert.equal(await ask(question("Where does it go?")), first);
        assert.notEqual(await ask(question("When?", [other])), first);
        assert.deepEqual(await ask(question("When?")), first);
      }));
  });
}

/** Over the tokens of the prefix; what stands in its padding is never read. */
function largestDifference(
  a: PromptKv,
  b: PromptKv,
  { prefixLength, paddedLength }: PreparedPrompt,
  headDim: number,
): number {
  const known = [...b.keys_L, ...b.values_L];
  const used = (data: Float32Array): Float32Array =>
    data.filter((_, i) => Math.floor(i / headDim) % paddedLength < prefixLength);
  const differences = [...a.keys_L, ...a.values_L].map((data, i) => {
    assert.equal(data.length, known[i]?.length);
    return maxDifference(used(data), used(known[i] ?? new Float32Array(0)));
  });
  return Math.max(...differences);
}
