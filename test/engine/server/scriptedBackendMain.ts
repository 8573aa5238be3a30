import { serveBackend } from "../../../src/engine/server/backendProcess.ts";
import { createScriptedBackend } from "./scriptedBackend.ts";

serveBackend(() => Promise.resolve(createScriptedBackend()));
