import { spawn } from "node:child_process";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { UserError } from "../../protocol/errors.ts";
import { RunFailure, cancelled } from "./ffmpegErrors.ts";

/** An ffmpeg that was run once and answered. */
export interface Ffmpeg {
  /** Absolute path of the program. */
  readonly path: string;
  /** As it names itself, e.g. "5.1.9-0+deb12u1" or "N-47683-g0e8eb07980". */
  readonly version: string;
  readonly source: "setting" | "ffmpeg-static" | "storage" | "path";
}

export interface LocateFfmpegOptions {
  /** Setting videoRft.ffmpegPath: a program, or a folder that holds one. Nothing else is tried when it is given. */
  readonly settingPath?: string | null | undefined;
}

export interface RunFfmpegOptions {
  /** Written to standard input, at the pace at which ffmpeg reads it. */
  readonly input?: Uint8Array | AsyncIterable<Uint8Array> | Iterable<Uint8Array> | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called with each chunk in order; ffmpeg waits while a returned promise is pending. */
  readonly onStdout?: ((chunk: Uint8Array) => void | Promise<void>) | undefined;
  /** Called with each piece of text as it comes; the end of it is kept for errors in any case. */
  readonly onStderr?: ((text: string) => void) | undefined;
  /** Folder that relative paths among the arguments start from. */
  readonly cwd?: string | undefined;
  /** Exit statuses other than 0 are returned instead of thrown. */
  readonly allowFailure?: boolean | undefined;
}

export interface RunFfmpegResult {
  readonly exitCode: number;
  /** Last part of standard error. */
  readonly stderr: string;
}

const maxStderrChars = 16_384;
const versionTimeoutMs = 20_000;

/**
 * Finds ffmpeg: the given path (setting, else env VIDEO_RFT_FFMPEG), the package ffmpeg-static when its binary is
 * there, the folder of fetched programs (env VIDEO_RFT_FFMPEG_DIR), PATH.
 * Throws UserError "no-ffmpeg" that says what was tried and how to get one on this platform.
 */
export async function locateFfmpeg(options: LocateFfmpegOptions = {}): Promise<Ffmpeg> {
  const given = options.settingPath || process.env["VIDEO_RFT_FFMPEG"];
  const tried: string[] = [];
  for (const [source, file] of given ? givenCandidates(given) : searchedCandidates()) {
    const version = await versionOf(file, "ffmpeg").catch((error: unknown) => {
      tried.push(`${file} (${error instanceof Error ? error.message : String(error)})`);
      return null;
    });
    if (version !== null) return { path: file, version, source };
  }
  throw noFfmpeg(given ?? null, tried);
}

/** The ffprobe that lies beside an ffmpeg, or null. */
export function ffprobeBeside(ffmpeg: Ffmpeg): Ffmpeg | null {
  const file = path.join(path.dirname(ffmpeg.path), programName("ffprobe"));
  return isFile(file) ? { ...ffmpeg, path: file } : null;
}

/**
 * Runs ffmpeg (or ffprobe) to its end. "-hide_banner" and, without input, "-nostdin" are added for ffmpeg.
 * The process is killed when the signal is aborted or a callback throws; the promise settles only after it is gone.
 * Throws UserError "cancelled" on abort, UserError "disk-full" when ffmpeg says so, else RunFailure.
 */
export async function runFfmpeg(
  ffmpeg: Pick<Ffmpeg, "path">,
  args: readonly string[],
  options: RunFfmpegOptions = {},
): Promise<RunFfmpegResult> {
  const { input, signal } = options;
  if (signal?.aborted) throw cancelled();
  const prefix = isFfprobe(ffmpeg.path) ? [] : input === undefined ? ["-hide_banner", "-nostdin"] : ["-hide_banner"];
  const child = spawn(ffmpeg.path, [...prefix, ...args], {
    windowsHide: true,
    stdio: ["pipe", "pipe", "pipe"],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const closed = new Promise<number>((resolve) => {
    child.once("error", () => resolve(-1));
    child.once("close", (code) => resolve(code ?? -1));
  });
  let spawnError: Error | null = null;
  child.once("error", (error) => (spawnError = error));
  const kill = (): void => void child.kill("SIGKILL");
  signal?.addEventListener("abort", kill, { once: true });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(-maxStderrChars);
    options.onStderr?.(text);
  });
  try {
    // An input that never yields again must not outlive the process.
    await Promise.all([drain(child, options.onStdout), Promise.race([feed(child, input), closed])]);
  } catch (error) {
    kill();
    await closed;
    if (signal?.aborted) throw cancelled();
    throw spawnError ?? error;
  } finally {
    signal?.removeEventListener("abort", kill);
    if (signal?.aborted) kill();
  }
  const exitCode = await closed;
  if (signal?.aborted) throw cancelled();
  if (spawnError !== null) throw new RunFailure(ffmpeg.path, -1, String(spawnError));
  if (exitCode !== 0 && options.allowFailure !== true) throw failureOf(ffmpeg.path, exitCode, stderr);
  return { exitCode, stderr };
}

async function drain(child: ChildProcessWithoutNullStreams, onStdout: RunFfmpegOptions["onStdout"]): Promise<void> {
  for await (const chunk of child.stdout) {
    // SAFETY: no encoding is set on this stream, so its chunks are buffers.
    const pending = onStdout?.(chunk as Uint8Array);
    if (pending !== undefined) await pending;
  }
}

/** Writes the input. A reader that closes early is no error here: the exit status tells what happened. */
async function feed(child: ChildProcessWithoutNullStreams, input: RunFfmpegOptions["input"]): Promise<void> {
  const { stdin } = child;
  let isOpen = true;
  let wake: () => void = () => {};
  const close = (): void => {
    isOpen = false;
    wake();
  };
  stdin.on("error", close).once("close", close);
  stdin.on("drain", () => wake());
  for await (const chunk of input === undefined ? [] : input instanceof Uint8Array ? [input] : input) {
    if (!isOpen) return;
    if (!stdin.write(chunk)) await new Promise<void>((resolve) => (isOpen ? (wake = resolve) : resolve()));
  }
  if (isOpen) stdin.end();
}

function failureOf(file: string, exitCode: number, stderr: string): Error {
  if (/No space left on device|There is not enough space on the disk/.test(stderr)) {
    return new UserError({
      code: "disk-full",
      message: `no space left on the disk while ${path.basename(file)} was writing`,
      hint: "Free some space and try again.",
    });
  }
  return new RunFailure(file, exitCode, stderr);
}

type Candidate = readonly [source: Ffmpeg["source"], file: string];

function givenCandidates(given: string): Candidate[] {
  // A bare name means a program on PATH, as in a shell.
  if (given === path.basename(given) && !fs.existsSync(given)) return onPath(given).map((f) => ["setting", f]);
  const file = path.resolve(given);
  return [["setting", isFolder(file) ? path.join(file, programName("ffmpeg")) : file]];
}

function searchedCandidates(): Candidate[] {
  const candidates: Candidate[] = [];
  const bundled = ffmpegStaticPath();
  if (bundled !== null) candidates.push(["ffmpeg-static", bundled]);
  const storage = process.env["VIDEO_RFT_FFMPEG_DIR"];
  if (storage) candidates.push(["storage", path.resolve(storage, programName("ffmpeg"))]);
  for (const file of onPath("ffmpeg")) candidates.push(["path", file]);
  return candidates.filter(([, file]) => isFile(file));
}

/** What the package says, when it is installed; its binary is fetched by an install script that may not have run. */
function ffmpegStaticPath(): string | null {
  if (typeof __filename !== "string") return null;
  try {
    const found: unknown = createRequire(__filename)("ffmpeg-static");
    return typeof found === "string" && isFile(found) ? found : null;
  } catch {
    return null;
  }
}

function onPath(name: string): string[] {
  const folders = (process.env["PATH"] ?? "").split(path.delimiter).filter((folder) => path.isAbsolute(folder));
  return folders.map((folder) => path.join(folder, programName(name))).filter(isFile);
}

function programName(name: string): string {
  return process.platform === "win32" && path.extname(name) === "" ? `${name}.exe` : name;
}

function isFfprobe(file: string): boolean {
  return /^ffprobe/i.test(path.basename(file));
}

async function versionOf(file: string, program: string): Promise<string> {
  if (!isFile(file)) throw new Error("no such file");
  let text = "";
  const timeout = AbortSignal.timeout(versionTimeoutMs);
  await runFfmpeg({ path: file }, ["-version"], { signal: timeout, onStdout: (c) => void (text += decodeText(c)) });
  const match = new RegExp(`^${program} version (\\S+)`).exec(text);
  if (match?.[1] === undefined) throw new Error(`it answers "${text.slice(0, 60).split("\n")[0]}"`);
  return match[1];
}

function decodeText(chunk: Uint8Array): string {
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString("utf8");
}

function isFile(file: string): boolean {
  return statsOf(file)?.isFile() ?? false;
}

function isFolder(file: string): boolean {
  return statsOf(file)?.isDirectory() ?? false;
}

/** Undefined where there is nothing, or nothing that this user may look at: PATH may lead through folders of another. */
function statsOf(file: string): fs.Stats | undefined {
  try {
    return fs.statSync(file);
  } catch {
    return undefined;
  }
}

const installHints: Partial<Record<NodeJS.Platform, string>> = {
  linux: 'Install it with the system\'s package manager, e.g. "sudo apt install ffmpeg"',
  darwin: 'Install it with "brew install ffmpeg"',
  win32: 'Install it with "winget install Gyan.FFmpeg" and open a new window',
};

function noFfmpeg(given: string | null, tried: readonly string[]): UserError {
  const install = installHints[process.platform] ?? "Install ffmpeg";
  if (given !== null) {
    return new UserError({
      code: "no-ffmpeg",
      where: given,
      message: `expected a program ffmpeg that runs, found none${tried.length > 0 ? `: ${tried.join("; ")}` : ""}`,
      hint: `Correct or clear videoRft.ffmpegPath (env VIDEO_RFT_FFMPEG). ${install}.`,
    });
  }
  return new UserError({
    code: "no-ffmpeg",
    message: `no ffmpeg was found that runs${tried.length > 0 ? `; tried ${tried.join("; ")}` : ""}`,
    hint: `${install}, or set videoRft.ffmpegPath to one.`,
  });
}
