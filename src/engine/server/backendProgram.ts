import type { Backend } from "../run/backend.ts";
import { accelerators, type ProviderTrials } from "../runtime/chooseProvider.ts";
import { probeArgument, tryArgument } from "./backendArguments.ts";
import { serveBackend } from "./backendProcess.ts";

/**
 * The backend's program. What needs onnxruntime is loaded late, so that a native library that cannot be loaded is an answer
 * and not a death without a word.
 */
export function runBackendProgram(load: (trials: ProviderTrials) => Promise<Backend>): void {
  const trials = async (): Promise<ProviderTrials> => {
    const { trialsInChildren } = await import("./providerTrials.ts");
    return trialsInChildren(process.argv[1] ?? "");
  };
  const tried = accelerators.find((name) => process.argv.includes(`${tryArgument}${name}`));
  if (tried !== undefined) {
    void import("../runtime/tryProvider.ts").then(async ({ tryProvider }) => print(await tryProvider(tried)));
  } else if (process.argv.includes(probeArgument)) {
    void import("../runtime/providers.ts").then(async ({ describeProviders }) =>
      print(await describeProviders(await trials())),
    );
  } else {
    serveBackend(async () => load(await trials()));
  }
}

function print(answer: unknown): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
