import { describeProviders } from "../../../src/engine/runtime/providers.ts";
import { serveBackend } from "../../../src/engine/server/backendProcess.ts";
import { createScriptedBackend } from "./scriptedBackend.ts";

if (process.argv.includes("--probe")) process.stdout.write(`${JSON.stringify(describeProviders())}\n`);
else serveBackend(() => Promise.resolve(createScriptedBackend()));
