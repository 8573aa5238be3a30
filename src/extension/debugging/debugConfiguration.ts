import path from "node:path";
import type { ReplayProgram } from "../../protocol/rewardMessages.ts";

/** Type of the Python debugger that the extension brings for machines without the Python extension. */
export const ownPythonType = "videoRftPython";

export interface DebugPlaces {
  /** Folder of the engine's bundles, which nobody wants to step into. */
  readonly engineDir: string;
  readonly cwd: string;
  /** Node that runs reward files: that of the extension host, as in a run. */
  readonly node: string;
  /** The Python extension is there, with the debugger of its own. */
  readonly hasPythonDebugger: boolean;
}

/** Configuration in the shape of `vscode.DebugConfiguration`. */
export interface ReplayConfiguration {
  readonly type: string;
  readonly request: "launch";
  readonly name: string;
  readonly [key: string]: unknown;
}

/** How VS Code starts a function of the workspace on recorded rollouts. */
export function replayConfiguration(
  replay: ReplayProgram,
  rollouts: string,
  { engineDir, cwd, node, hasPythonDebugger }: DebugPlaces,
): ReplayConfiguration {
  const common = {
    request: "launch" as const,
    name: `${replay.function} on ${rollouts}`,
    program: replay.program,
    args: [...replay.args],
    cwd,
    console: "internalConsole",
    internalConsoleOptions: "openOnSessionStart",
  };
  if (replay.language === "javascript") {
    return {
      ...common,
      type: "node",
      runtimeExecutable: node,
      env: { ELECTRON_RUN_AS_NODE: "1" }, // the extension host's Node may be Electron
      skipFiles: ["<node_internals>/**", path.join(engineDir, "**")],
      // The file that runs is the file that is edited: nothing was built, so there is nothing to map.
      outFiles: [],
      resolveSourceMapLocations: null,
    };
  }
  return {
    ...common,
    type: hasPythonDebugger ? "debugpy" : ownPythonType,
    python: replay.python,
    justMyCode: true,
    rules: [{ path: path.join(engineDir, "**"), include: false }],
  };
}
