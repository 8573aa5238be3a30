import { execFile, type ExecFileException } from "node:child_process";
import type { Accelerator, Finding, ProviderTrials } from "../runtime/chooseProvider.ts";
import { mayHaveGraphicsHardware } from "../runtime/hardware.ts";
import { missingPart } from "../runtime/tryProvider.ts";
import { graphicsMemoryBytes } from "./graphicsMemory.ts";
import { tryArgument } from "./backendArguments.ts";

/** A software adapter compiles its first shaders for seconds. */
const trialTimeoutMs = 60_000;

/**
 * Tries providers each in a process of its own, since a bad driver ends the process that calls it.
 * @param program the backend's program
 */
export function trialsInChildren(program: string): ProviderTrials {
  return {
    attempt: (provider) => Promise.resolve(missingPart(provider) ?? tryInChild(program, provider)),
    isWorthTrying: (provider) => provider !== "webgpu" || mayHaveGraphicsHardware(),
    graphicsMemoryBytes,
  };
}

function tryInChild(program: string, provider: Accelerator): Promise<Finding> {
  const options = { timeout: trialTimeoutMs, windowsHide: true, encoding: "utf8" } as const;
  return new Promise((resolve) => {
    execFile(process.execPath, [program, `${tryArgument}${provider}`], options, (error, stdout) => {
      // Some drivers fall over at the very end, when the answer has been printed.
      const answer = findingIn(stdout);
      if (answer !== null) return resolve(answer);
      const how = error?.killed === true ? "did not answer within a minute" : `ended the process (${endOf(error)})`;
      resolve({ ok: false, reason: `its driver ${how}`, fix: "Update the driver." });
    });
  });
}

function findingIn(stdout: string): Finding | null {
  try {
    // SAFETY: printed by our own program, or else no JSON.
    return JSON.parse(stdout) as Finding;
  } catch {
    return null;
  }
}

function endOf(error: ExecFileException | null): string {
  return error?.signal ?? `exit status ${error?.code ?? "unknown"}`;
}
