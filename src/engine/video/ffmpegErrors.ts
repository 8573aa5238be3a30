import path from "node:path";
import { UserError } from "../../protocol/errors.ts";

/** ffmpeg ended with another status than 0. Callers who know what was asked turn it into a UserError. */
export class RunFailure extends Error {
  readonly exitCode: number;
  readonly stderr: string;

  constructor(program: string, exitCode: number, stderr: string) {
    super(`${path.basename(program)} ended with status ${exitCode}: ${lastLine(stderr)}`);
    this.name = "RunFailure";
    this.exitCode = exitCode;
    this.stderr = stderr;
  }
}

export function cancelled(): UserError {
  return new UserError({ code: "cancelled", message: "cancelled" });
}

/** A video that cannot be used: missing, broken, too short. `found` completes "<file>: …". */
export function badVideo(file: string, found: string, hint?: string, cause?: unknown): UserError {
  return new UserError({ code: "bad-video", where: file, message: found, hint }, { cause });
}

/** Last line of a log that says something. */
export function lastLine(text: string): string {
  const lines = text.split(/\r?\n|\r/).filter((line) => line.trim() !== "");
  return (lines.at(-1) ?? "no message").trim();
}

/** "bad-video" for a file that ffmpeg failed on, with the reason that it logged. */
export function asBadVideo(file: string, failure: RunFailure): UserError {
  const hint = `Play ${path.basename(file)} to see whether it is damaged; re-encode or replace it.`;
  return badVideo(file, `expected a video that ffmpeg can decode, found: ${reasonOf(failure.stderr)}`, hint, failure);
}

/** The line of ffmpeg's log that says why, without its prefixes and the path. */
function reasonOf(stderr: string): string {
  if (/matches no streams/.test(stderr)) return "no video track";
  const lines = stderr.split(/\r?\n/).filter((line) => !/showinfo|^\s|^Conversion failed|^Error opening/.test(line));
  return lastLine(lines.join("\n"))
    .replace(/^\[[^\]]*\]\s*/, "")
    .replace(/^file:.*?: (?=[A-Z])/, "");
}
