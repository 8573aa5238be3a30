import assert from "node:assert/strict";
import { test } from "node:test";
import { accumulateTarget } from "../../../src/engine/sft/sftStep.ts";
import { prepareTokens } from "../../../src/engine/policy/preparedPrompt.ts";
import { sampleGroups } from "../../../src/engine/rollout/sampler.ts";
import { checkpointDir, withPolicy } from "./tinyPolicy.ts";

test("a prompt without anything to see is answered, and its gradients are those of its tokens alone", () =>
  withPolicy(checkpointDir("policy/tied"), {}, async ({ policy, optimizer }) => {
    const prompt = prepareTokens([5, 6, 7, 8, 9], [], policy.config);
    const options = { temperature: 0, topP: 1, topK: 0, groupSize: 2, maxCompletionLength: 8 };
    const [group = []] = await sampleGroups(policy, [{ prompt, seed: 1 }], options);
    assert.deepEqual(group[0]?.tokens_T, group[1]?.tokens_T);
    const loss = await accumulateTarget(policy, optimizer, { prompt, tokens_G_T: [Int32Array.of(10, 11, 12)] }, 3);
    assert.ok(loss > 0);
    const isTouched = (name: string): boolean => optimizer.gradients.get(name)?.some((x) => x !== 0) ?? false;
    assert.ok(isTouched("model.layers.0.self_attn.q_proj.weight"));
    assert.ok(
      [...optimizer.gradients.keys()].filter((name) => name.startsWith("visual.")).every((name) => !isTouched(name)),
    );
  }));
