import { execFile } from "node:child_process";
import fs from "node:fs/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Resident memory of another process in bytes; null when it is gone, or the system does not say. */
export async function residentBytes(pid: number): Promise<number | null> {
  try {
    switch (process.platform) {
      case "linux": {
        const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(await fs.readFile(`/proc/${pid}/status`, "utf8"))?.[1];
        return kilobytes === undefined ? null : 1024 * Number(kilobytes);
      }
      case "win32": {
        const { stdout } = await run("tasklist", ["/fi", `PID eq ${pid}`, "/fo", "csv", "/nh"], { windowsHide: true });
        const kilobytes = /"([\d.,\s]+) K"/.exec(stdout)?.[1];
        return kilobytes === undefined ? null : 1024 * Number(kilobytes.replace(/\D/g, ""));
      }
      default:
        return 1024 * Number((await run("ps", ["-o", "rss=", "-p", String(pid)])).stdout.trim());
    }
  } catch {
    return null;
  }
}
