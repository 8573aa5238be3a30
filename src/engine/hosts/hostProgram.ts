import path from "node:path";
import { UserError } from "../../protocol/errors.ts";
import { findPython } from "./findPython.ts";

/** How the process of a reward file is started. */
export interface HostProgram {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Descriptor that its answers come on. */
  readonly answersOn: number;
}

export interface HostPrograms {
  /** Folder of the built programs. */
  readonly engineDir: string;
  /** Setting videoRft.python, or what the Python extension has chosen; null looks on the PATH. */
  readonly pythonPath: string | null;
}

export const hostFiles = {
  node: (engineDir: string) => path.join(engineDir, "rewardHost.cjs"),
  python: (engineDir: string) => path.join(engineDir, "reward_host.py"),
};

/** @throws UserError "not-found" when there is no Python for a Python file */
export async function hostProgramFor(file: string, memoryMb: number, programs: HostPrograms): Promise<HostProgram> {
  if (file.endsWith(".py")) {
    const python = await findPython(programs.pythonPath);
    if (python === null) throw noPython(file, programs.pythonPath);
    return {
      command: python.command,
      args: ["-u", hostFiles.python(programs.engineDir)],
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1", PYTHONIOENCODING: "utf8" },
      answersOn: 1,
    };
  }
  return {
    command: process.execPath,
    args: [`--max-old-space-size=${memoryMb}`, "--enable-source-maps", hostFiles.node(programs.engineDir)],
    // VS Code's program acts as Node only when told to. Options of ours are no business of the user's code.
    env: { ...process.env, ELECTRON_RUN_AS_NODE: "1", NODE_OPTIONS: "" },
    answersOn: 3,
  };
}

function noPython(file: string, asked: string | null): UserError {
  return new UserError({
    code: "not-found",
    where: file,
    message:
      asked === null
        ? "expected Python 3.9 or later for this reward, found none on the PATH"
        : `expected Python 3.9 or later for this reward, found none at ${asked}`,
    hint: "Install Python, or set videoRft.python (in a terminal: VIDEO_RFT_PYTHON) to its path.",
  });
}
