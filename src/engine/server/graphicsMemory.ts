import { execFile } from "node:child_process";

const timeoutMs = 10_000;

/**
 * Memory of the largest graphics card in bytes; null where nobody says. WebGPU does not tell, so NVIDIA's own tool is asked;
 * cards of others share the machine's memory in part, and how much of it nobody knows beforehand.
 */
export function graphicsMemoryBytes(): Promise<number | null> {
  const query = ["--query-gpu=memory.total", "--format=csv,noheader,nounits"];
  return new Promise((resolve) => {
    execFile("nvidia-smi", query, { timeout: timeoutMs, windowsHide: true, encoding: "utf8" }, (error, stdout) =>
      resolve(error === null ? largestOf(stdout) : null),
    );
  });
}

/** A line of MiB a card; "[N/A]" for one that has none of its own. */
function largestOf(lines: string): number | null {
  const mebibytes = lines
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => /^\d+$/.test(line))
    .map(Number);
  return mebibytes.length === 0 ? null : Math.max(...mebibytes) * 2 ** 20;
}
