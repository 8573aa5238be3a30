import { serveBackend } from "./backendProcess.ts";

// Both are loaded late, so that a native library that cannot be loaded is an answer and not a death without a word.
if (process.argv.includes("--probe")) {
  void import("../runtime/providers.ts").then(({ describeProviders }) =>
    process.stdout.write(`${JSON.stringify(describeProviders())}\n`),
  );
} else {
  serveBackend(async () => (await import("../embedded/embeddedBackend.ts")).createEmbeddedBackend());
}
