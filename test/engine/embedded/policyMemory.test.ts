import assert from "node:assert/strict";
import { test } from "node:test";
import { openPolicy } from "../../../src/engine/embedded/openPolicy.ts";
import {
  cardRoom,
  leastLoad,
  policyMemory,
  requireMemory,
  type MemoryRoom,
  type PolicyUse,
} from "../../../src/engine/embedded/policyMemory.ts";
import { policySizes, policySizeText, publishedConfig } from "../../../src/engine/embedded/policySizes.ts";
import { checkpointDir, tinySpec, withPolicy } from "../policy/tinyPolicy.ts";

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
  assert.throws(() => requireMemory("/models/7b", memory, full, machine(25e9)), {
    code: "unsupported",
    where: "/models/7b",
    message: /needs about 1\d\d\.\d GB of memory \(weights 33\.2 GB, .*\); this machine has 25\.0 GB/,
    hint: /lora/,
  });
  requireMemory("/models/7b", memory, full, machine(400e9));
  assert.throws(() => requireMemory("/models/7b", memory, { ...full, trains: false }, machine(25e9)), {
    hint: "Take a smaller checkpoint, or a machine with more memory.",
  });
  assert.throws(() => requireMemory("/models/7b", memory, full, cardRoom(25e9)), {
    message: /; its graphics card has 25\.0 GB/,
    hint: /"device": "cpu"/,
  });
  const textAt = (available: number, onCard: number | null = null): string => {
    const size = policySizes(available)[1];
    assert.ok(size);
    return policySizeText(size, available, onCard);
  };
  assert.match(textAt(16.8e9), /samples only/);
  assert.match(textAt(25e9), /trains with LoRA/);
  assert.match(textAt(1e12), /trains in full/);
  assert.match(textAt(1e9), /does not fit/);
  assert.match(textAt(25e9, 17e9), /trains with LoRA on this machine, samples only on its graphics card/);
  assert.match(textAt(25e9, 80e9), /trains with LoRA on this machine and on its graphics card/);
});

test("what its graphics card is too small for is refused before it is read", async () => {
  const spec = tinySpec(checkpointDir("policy/tied"));
  const device = { provider: "webgpu", memoryBytes: 128e6 } as const;
  await assert.rejects(openPolicy(spec, "", null, 1, true, device), /its graphics card has 0\.1 GB/);
});

function machine(bytes: number): MemoryRoom {
  return { owner: "this machine", bytes };
}

test("a policy that only samples answers as the one that trains, and holds no more than its weights", () =>
  withPolicy(checkpointDir("policy/tied"), { trains: false, grpo: { beta: 0.1 } }, ({ policy, optimizer }) => {
    assert.equal(policy.reference, null);
    assert.equal(optimizer.gradients.size, 0);
    return Promise.resolve();
  }));
