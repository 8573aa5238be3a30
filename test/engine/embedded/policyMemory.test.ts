import assert from "node:assert/strict";
import { test } from "node:test";
import { leastLoad, policyMemory, requireMemory, type PolicyUse } from "../../../src/engine/embedded/policyMemory.ts";
import { policySizes, policySizeText, publishedConfig } from "../../../src/engine/embedded/policySizes.ts";
import { checkpointDir, withPolicy } from "../policy/tinyPolicy.ts";

const full: PolicyUse = { lora: null, freezeVision: false, hasReference: true, trains: true };

test("published sizes have the parameters that they were published with", () => {
  const [small, three, seven] = policySizes().map(({ parameters }) => parameters / 1e9);
  // 0.49 B and the vision tower's 0.67 B; "3B" and "7B" leave the tower out of their names.
  assert.ok(Math.abs((small ?? 0) - 1.16) < 0.02, String(small));
  assert.ok(Math.abs((three ?? 0) - 3.75) < 0.02, String(three));
  assert.ok(Math.abs((seven ?? 0) - 8.29) < 0.02, String(seven));
});

test("full training holds weights, reference, gradients and moments; adapters hold one copy and their own", () => {
  const config = publishedConfig("policy 3B");
  const trained = policyMemory(config, full, leastLoad);
  assert.equal(trained.reference, trained.weights);
  assert.equal(trained.optimizer, 3 * trained.weights);
  const adapted = policyMemory(config, { ...full, lora: { rank: 16, alpha: 32, targets: ["q_proj"] } }, leastLoad);
  assert.equal(adapted.reference, 0);
  assert.ok(adapted.optimizer < adapted.weights / 100);
  const sampled = policyMemory(config, { ...full, trains: false }, leastLoad);
  assert.deepEqual([sampled.reference, sampled.optimizer, sampled.weights], [0, 0, trained.weights]);
});

test("activations of a step are bounded, however many layers the policy has; where memory is scarce, they take less", () => {
  const config = publishedConfig("policy 3B");
  const use = { ...full, lora: { rank: 16, alpha: 32, targets: ["q_proj"] } };
  const load = { promptTokens: 2048, completionTokens: 512 };
  const roomy = policyMemory(config, use, load, 64e9);
  assert.ok(roomy.activations < roomy.weights / 3, `${roomy.activations}`);
  const tight = policyMemory(config, use, load, 17e9);
  assert.ok(tight.activations < roomy.activations, `${tight.activations}`);
  const deeper = { ...config, text: { ...config.text, layers: 4 * config.text.layers } };
  const deep = policyMemory(deeper, use, load, 17e9);
  // Only what is kept of each layer grows: keys, values and their gradients, and the hidden states before it.
  assert.ok(deep.activations < 2 * tight.activations, `${deep.activations} beside ${tight.activations}`);
});

test("what does not fit is refused with what it would need, and what fits is not", () => {
  const memory = policyMemory(publishedConfig("policy 7B"), full, leastLoad);
  assert.throws(() => requireMemory("/models/7b", memory, full, 25e9), {
    code: "unsupported",
    where: "/models/7b",
    message: /needs about 1\d\d\.\d GB of memory \(weights 33\.2 GB, .*\); this machine has 25\.0 GB/,
    hint: /lora/,
  });
  requireMemory("/models/7b", memory, full, 400e9);
  const textAt = (available: number): string => {
    const size = policySizes(available)[1];
    assert.ok(size);
    return policySizeText(size, available);
  };
  assert.match(textAt(16.8e9), /samples only/);
  assert.match(textAt(25e9), /trains with LoRA/);
  assert.match(textAt(1e12), /trains in full/);
  assert.match(textAt(1e9), /does not fit/);
});

test("a policy that only samples answers as the one that trains, and holds no more than its weights", () =>
  withPolicy(checkpointDir("policy/tied"), { trains: false, grpo: { beta: 0.1 } }, ({ policy, optimizer }) => {
    assert.equal(policy.reference, null);
    assert.equal(optimizer.gradients.size, 0);
    return Promise.resolve();
  }));
