import { runBackendProgram } from "./backendProgram.ts";

runBackendProgram(async (trials) => (await import("../embedded/embeddedBackend.ts")).createEmbeddedBackend(trials));
