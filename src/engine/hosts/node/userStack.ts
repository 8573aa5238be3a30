import { fileURLToPath } from "node:url";

/** The lines of a stack that lie in files of the user, without Node's and without this program's. */
export function userStack(stack: string): string {
  const frames = stack.split("\n").filter((line) => /^\s+at /.test(line));
  return frames
    .filter((line) => !/\(?node:|node:internal|<anonymous>$/.test(line) && !line.includes(__filename))
    .map((line) => line.trim().replace(/file:\/\/[^\s)]+?(?=:\d+:\d+)/, (url) => fileURLToPath(url)))
    .join("\n");
}
