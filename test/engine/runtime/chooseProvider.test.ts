import assert from "node:assert/strict";
import { test } from "node:test";
import type { DeviceChoice } from "../../../src/protocol/device.ts";
import { UserError } from "../../../src/protocol/errors.ts";
import { chooseProvider, type Accelerator, type Finding } from "../../../src/engine/runtime/chooseProvider.ts";
import { isGraphicsDevice, isVendorDriver } from "../../../src/engine/runtime/hardware.ts";
import { describeProviders } from "../../../src/engine/runtime/providers.ts";
import { tryProvider } from "../../../src/engine/runtime/tryProvider.ts";
import { onnxruntimeVersion } from "../../../src/engine/runtime/session.ts";

type Machine = Readonly<Record<Accelerator, Finding>>;
const card: Finding = { ok: true, isSoftware: false };
const program: Finding = { ok: true, isSoftware: true };
const none: Finding = { ok: false, reason: "it is not there", fix: "Install it." };

const choices: readonly (readonly [DeviceChoice, Machine, string])[] = [
  ["cpu", { cuda: card, webgpu: card }, "cpu"],
  ["auto", { cuda: card, webgpu: card }, "webgpu"],
  ["auto", { cuda: card, webgpu: program }, "cuda"],
  ["auto", { cuda: card, webgpu: none }, "cuda"],
  ["auto", { cuda: none, webgpu: card }, "webgpu"],
  ["auto", { cuda: none, webgpu: program }, "cpu"],
  ["auto", { cuda: none, webgpu: none }, "cpu"],
  ["webgpu", { cuda: card, webgpu: card }, "webgpu"],
  ["webgpu", { cuda: none, webgpu: program }, "webgpu"],
  ["cuda", { cuda: card, webgpu: none }, "cuda"],
];
for (const [wanted, machine, expected] of choices) {
  const has = Object.entries(machine).map(([name, finding]) => `${name}: ${finding.ok ? (finding.isSoftware ? "a program" : "a card") : "none"}`); // prettier-ignore
  test(`device ${wanted} with ${has.join(", ")} is ${expected}`, async () =>
    assert.equal(await chooseProvider(wanted, trialsOn(machine)), expected));
}

test("a device that is asked for by name and cannot be had is an error with reason and remedy, never the CPU", async () => {
  for (const wanted of ["cuda", "webgpu"] as const) {
    await assert.rejects(chooseProvider(wanted, trialsOn({ cuda: none, webgpu: none })), (error) => {
      assert.ok(UserError.is(error, "unsupported"));
      assert.equal(error.where, "policy.device");
      assert.ok(error.message.includes(`on ${wanted} here: it is not there.`), error.message);
      assert.match(error.hint ?? "", /^Install it\. /);
      return true;
    });
  }
});

test("auto tries nothing that is not worth it, a name always is", async () => {
  const tried: Accelerator[] = [];
  const trials = {
    attempt: (provider: Accelerator) => (tried.push(provider), Promise.resolve(card)),
    isWorthTrying: () => false,
  };
  assert.equal(await chooseProvider("auto", trials), "cpu");
  assert.deepEqual(tried, []);
  assert.equal(await chooseProvider("cuda", trials), "cuda");
  assert.deepEqual(tried, ["cuda"]);
});

test("what the machine has, for the doctor: one is used, the others say why not", async () => {
  const { onnxruntime, providers } = await describeProviders(trialsOn({ cuda: none, webgpu: program }));
  assert.equal(onnxruntime, onnxruntimeVersion);
  assert.deepEqual(providers.filter((p) => p.isUsed).map((p) => p.name), ["cpu"]); // prettier-ignore
  assert.ok(providers.every((p) => p.reason !== ""));
  const reasons = new Map(providers.map(({ name, reason }) => [name, reason]));
  assert.equal(reasons.get("cuda"), "it is not there. Install it.");
  assert.match(reasons.get("webgpu") ?? "", /its adapter is a program/);
  const withCard = await describeProviders(trialsOn({ cuda: none, webgpu: card }));
  assert.deepEqual(withCard.providers.filter((p) => p.isUsed).map((p) => p.name), ["webgpu"]); // prettier-ignore
});

test("without CUDA's library it is said which file of which version is expected where", async () => {
  const finding = await tryProvider("cuda");
  if (finding.ok) return assert.equal(finding.isSoftware, false); // a machine that has it
  if (process.platform !== "linux" || process.arch !== "x64") return assert.match(finding.reason, /built without it/);
  if (!/not in/.test(finding.reason)) return assert.match(finding.fix, /driver/); // the library is there, a card is not
  assert.match(finding.reason, /libonnxruntime_providers_cuda\.so/);
  assert.ok(finding.reason.includes(`onnxruntime ${onnxruntimeVersion}`), finding.reason);
  assert.match(finding.reason, /not in .*onnxruntime-node/);
  assert.match(finding.fix, /NuGet package Microsoft\.ML\.OnnxRuntime\.Gpu\.Linux .*CUDA 12 and cuDNN 9/);
});

test("devices and drivers of graphics cards are told from programs", () => {
  for (const file of ["/dev/dri/renderD128", "/dev/nvidia0", "/dev/dxg"]) assert.ok(isGraphicsDevice(file), file);
  for (const file of ["/dev/null", "/dev/dri/card0", "/dev/nvidiactl", "/tmp/dev/nvidia0"])
    assert.ok(!isGraphicsDevice(file), file);
  for (const library of ["nvwgf2umx.dll", "igd12umd64.dll", "amdxc64.dll"]) assert.ok(isVendorDriver(library), library);
  for (const library of ["d3d10warp.dll", "d3d12core.dll", "vk_swiftshader.dll"])
    assert.ok(!isVendorDriver(library), library);
});

function trialsOn(machine: Machine) {
  return { attempt: (provider: Accelerator) => Promise.resolve(machine[provider]), isWorthTrying: () => true };
}
