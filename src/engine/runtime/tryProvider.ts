import fs from "node:fs";
import path from "node:path";
import * as ort from "onnxruntime-node";
import { encodeOnnx } from "../graph/encodeOnnx.ts";
import { GraphBuilder } from "../graph/builder.ts";
import { targets } from "../graph/lowering.ts";
import type { Graph } from "../graph/types.ts";
import type { Accelerator, Finding } from "./chooseProvider.ts";
import { onnxruntimeDir, usesGraphicsHardware } from "./hardware.ts";
import { onnxruntimeVersion } from "./session.ts";

/** Libraries of the CUDA provider; the package has them not, since they are too large. */
const cudaLibraries = ["libonnxruntime_providers_cuda.so", "libonnxruntime_providers_shared.so"];

/**
 * Computes a small graph on a provider. A bad driver may end the process, or loop: to be called in one of its own.
 */
export async function tryProvider(provider: Accelerator): Promise<Finding> {
  const missing = missingPart(provider);
  if (missing !== null) return missing;
  try {
    await computeOn(provider);
  } catch (error) {
    return { ok: false, reason: firstLine(error), fix: driverFix(provider) };
  }
  return { ok: true, isSoftware: provider === "webgpu" && !usesGraphicsHardware() };
}

/** What is sure to be lacking, without trying. */
export function missingPart(provider: Accelerator): (Finding & { readonly ok: false }) | null {
  const system = `${process.platform}-${process.arch}`;
  if (!ort.listSupportedBackends().some(({ name }) => name === provider)) {
    return {
      ok: false,
      reason: `onnxruntime-node ${onnxruntimeVersion} is built without it for ${system}`,
      fix: provider === "cuda" ? "CUDA needs Linux on x64." : "There is nothing to install.",
    };
  }
  if (provider !== "cuda") return null;
  const dir = onnxruntimeDir();
  const missing = cudaLibraries.filter((name) => !fs.existsSync(path.join(dir, name)));
  if (missing.length === 0) return null;
  return {
    ok: false,
    reason: `${missing.join(" and ")} of onnxruntime ${onnxruntimeVersion} ${missing.length === 1 ? "is" : "are"} not in ${dir}`,
    fix:
      `Put ${missing.length === 1 ? "it" : "them"} there from the NuGet package Microsoft.ML.OnnxRuntime.Gpu.Linux ` +
      `${onnxruntimeVersion} (runtimes/linux-x64/native); CUDA 12 and cuDNN 9 are needed too.`,
  };
}

/** Fails unless all of it is computed there, and rightly. */
async function computeOn(provider: Accelerator): Promise<void> {
  const session = await ort.InferenceSession.create(encodeOnnx(tinyGraph(), { opset: targets[provider].opset }), {
    executionProviders: [provider],
    logSeverityLevel: 4,
    extra: { session: { disable_cpu_ep_fallback: "1" } },
  });
  const x = new ort.Tensor("float32", Float32Array.of(1, 2, 3, 4), [2, 2]);
  const { y } = await session.run({ x });
  await session.release();
  if (String(y?.data) !== "7,10,15,22") throw new Error(`it computes 1 2 3 4 squared to ${String(y?.data)}`);
}

/** y = x x */
function tinyGraph(): Graph {
  const g = new GraphBuilder("tiny");
  const x = g.input("x", [2, 2]);
  g.output("y", g.plainMatmul(x, x));
  return g;
}

function driverFix(provider: Accelerator): string {
  return provider === "cuda"
    ? "Install NVIDIA's driver, CUDA 12 and cuDNN 9, and put their libraries on LD_LIBRARY_PATH."
    : "Install the driver of the graphics card with its Vulkan part (Linux), or the newest one (Windows); a container needs its devices too.";
}

/** What went wrong, without where in onnxruntime: "/src/file.cc:12 function condition was false. What went wrong". */
function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const line = message.split("\n").find((text) => text.trim() !== "") ?? "it fails";
  return line.replace(/^.* was false\. /, "").trim();
}
