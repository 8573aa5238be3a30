import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";

/** Compares text with a committed file; `RESET_RESULTS=1` writes the file instead. */
export function assertGolden(file: string, text: string): void {
  const golden = path.resolve("test", "engine", file);
  if (process.env["RESET_RESULTS"] === "1") {
    fs.mkdirSync(path.dirname(golden), { recursive: true });
    fs.writeFileSync(golden, text);
  }
  assert.ok(fs.existsSync(golden), `${file} is missing; RESET_RESULTS=1 writes it`);
  assert.equal(text, fs.readFileSync(golden, "utf8").replaceAll("\r\n", "\n"), `${file}; RESET_RESULTS=1 rewrites it`);
}
