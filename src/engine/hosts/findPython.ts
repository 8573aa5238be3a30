import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface Python {
  readonly command: string;
  /** "3.11.7" */
  readonly version: string;
}

const oldest = [3, 9] as const;
const askTimeoutMs = 15_000;
const found = new Map<string, Promise<Python | null>>();

/**
 * The interpreter for Python rewards: the given one, else VIDEO_RFT_PYTHON, else the first of the PATH. Null when there is
 * none of version 3.9 or later; a given one that does not answer is not replaced by another.
 */
export async function findPython(asked: string | null): Promise<Python | null> {
  const named = asked ?? process.env["VIDEO_RFT_PYTHON"];
  const candidates =
    named !== undefined && named !== ""
      ? [named]
      : process.platform === "win32"
        ? ["python", "py"]
        : ["python3", "python"];
  for (const command of candidates) {
    const python = await askOnce(command);
    if (python !== null) return python;
  }
  return null;
}

function askOnce(command: string): Promise<Python | null> {
  const known = found.get(command);
  if (known !== undefined) return known;
  const asking = ask(command);
  found.set(command, asking);
  return asking;
}

async function ask(command: string): Promise<Python | null> {
  try {
    const code = "import sys; print('.'.join(map(str, sys.version_info[:3])))";
    const { stdout } = await run(command, ["-c", code], { timeout: askTimeoutMs, windowsHide: true });
    const version = stdout.trim();
    const [major = 0, minor = 0] = version.split(".").map(Number);
    return major === oldest[0] && minor >= oldest[1] ? { command, version } : null;
  } catch {
    return null;
  }
}
