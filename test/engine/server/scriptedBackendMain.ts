import { runBackendProgram } from "../../../src/engine/server/backendProgram.ts";
import { createScriptedBackend } from "./scriptedBackend.ts";

runBackendProgram(() => Promise.resolve(createScriptedBackend()));
