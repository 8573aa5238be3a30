import { createHash, randomBytes } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { UserError } from "../../protocol/errors.ts";
import { locateFfmpeg } from "../video/ffmpeg.ts";

export interface FetchFfmpegOptions {
  /** Folder that the program is put into. */
  readonly dir: string;
  readonly signal: AbortSignal;
  /** Compressed bytes so far, and of the whole (0 when the server does not say). */
  readonly onProgress: (doneBytes: number, totalBytes: number) => void;
  /** sha256 of `ffmpeg-<platform>-<arch>.gz` by "<platform>-<arch>". */
  readonly checksums?: Readonly<Record<string, string>> | undefined;
}

/** Release of ffmpeg-static that the npm package of this version names. */
const releaseTag = "b6.1.1";
const defaultBaseUrl = "https://github.com/eugeneware/ffmpeg-static/releases/download";

/**
 * sha256 of the compressed programs of that release. The release has no file of checksums; these are the digests that
 * its page shows, and each was found the same in at least two unrelated public projects that pin them. A platform that
 * is not listed here is not fetched for.
 */
const releaseChecksums: Readonly<Record<string, string>> = {
  "darwin-arm64": "8923876afa8db5585022d7860ec7e589af192f441c56793971276d450ed3bbfa",
  "darwin-x64": "929b375c1182d956c51f7ac25e0b2b0411fb01f6f407aa15c9758efeb4242106",
  "linux-arm64": "754a678672298bc68156adff58aa7385a592c2b30b1d0ae8750c45c915c4bac0",
  "linux-x64": "bfe8a8fc511530457b528c48d77b5737527b504a3797a9bc4866aeca69c2dffa",
  "win32-x64": "8883a3dffbd0a16cf4ef95206ea05283f78908dbfb118f73c83f4951dcc06d77",
};

const stallMs = 30_000;

/**
 * Downloads ffmpeg-static's program for this platform into a folder, checks it against the checksum of its release, and
 * runs it once. What does not match or does not run is removed; an ffmpeg that was there stays until then.
 * FFMPEG_BINARIES_URL names another server with the same files, as for the npm package.
 * @throws UserError "no-ffmpeg" when it cannot be had (offline, wrong checksum), "unsupported" for other platforms,
 * "disk-full", "cancelled".
 */
export async function fetchFfmpeg(options: FetchFfmpegOptions): Promise<{ path: string; version: string }> {
  const platform = `${process.platform}-${process.arch}`;
  const expected = (options.checksums ?? releaseChecksums)[platform];
  if (expected === undefined) throw unsupportedPlatform(platform);
  const baseUrl = `${process.env["FFMPEG_BINARIES_URL"] || defaultBaseUrl}/${releaseTag}`;
  const url = `${baseUrl}/ffmpeg-${platform}.gz`;
  const ending = process.platform === "win32" ? ".exe" : "";
  const target = path.join(options.dir, `ffmpeg${ending}`);
  // Named like the target, since Windows runs nothing without its ending.
  const partialDir = path.join(options.dir, `.partial-${randomBytes(4).toString("hex")}`);
  const partial = path.join(partialDir, `ffmpeg${ending}`);
  try {
    await fs.promises.mkdir(partialDir, { recursive: true });
    const found = await download(url, partial, options);
    if (found !== expected) throw wrongChecksum(url, expected, found);
    await fs.promises.chmod(partial, 0o755);
    const { version } = await locateFfmpeg({ settingPath: partial });
    await fs.promises.rename(partial, target);
    await fetchLicense(`${baseUrl}/${platform}.LICENSE`, `${target}.LICENSE`);
    return { path: target, version };
  } catch (error) {
    throw explain(error, url, options.signal);
  } finally {
    await fs.promises.rm(partialDir, { recursive: true, force: true });
  }
}

/** Writes the decompressed file; answers the sha256 of what was sent. */
async function download(url: string, file: string, options: FetchFfmpegOptions): Promise<string> {
  const stalled = new AbortController();
  const signal = AbortSignal.any([options.signal, stalled.signal]);
  const timer = setTimeout(() => stalled.abort(), stallMs);
  try {
    const response = await fetch(url, { signal });
    if (!response.ok || response.body === null) throw new Error(`the server answered ${response.status}`);
    const totalBytes = Number(response.headers.get("content-length") ?? 0);
    const hash = createHash("sha256");
    let doneBytes = 0;
    const measure = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        hash.update(chunk);
        doneBytes += chunk.byteLength;
        timer.refresh();
        options.onProgress(doneBytes, totalBytes);
        done(null, chunk);
      },
    });
    await pipeline(Readable.from(response.body), measure, createGunzip(), fs.createWriteStream(file), { signal });
    return hash.digest("hex");
  } catch (error) {
    if (stalled.signal.aborted) throw new Error(`nothing was received for ${stallMs / 1000} s`, { cause: error });
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** The GPL's text goes with the program; that it cannot be had is no reason to go without ffmpeg. */
async function fetchLicense(url: string, file: string): Promise<void> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(stallMs) });
    if (response.ok) await fs.promises.writeFile(file, await response.text());
  } catch {
    // see above
  }
}

function explain(error: unknown, url: string, signal: AbortSignal): unknown {
  if (signal.aborted) return new UserError({ code: "cancelled", message: "Fetching ffmpeg was cancelled." });
  if (UserError.is(error)) return error;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new UserError({
      code: "disk-full",
      message: "no space left on the disk for ffmpeg (about 80 MB)",
      hint: "Free some space and try again.",
    });
  }
  const cause = error instanceof Error && error.cause instanceof Error ? ` (${error.cause.message})` : "";
  const reason = error instanceof Error ? `${error.message}${cause}` : String(error);
  return new UserError(
    { code: "no-ffmpeg", where: url, message: `ffmpeg could not be fetched: ${reason}`, hint: offlineHint() },
    { cause: error },
  );
}

function wrongChecksum(url: string, expected: string, found: string): UserError {
  return new UserError({
    code: "no-ffmpeg",
    where: url,
    message: `expected a file with sha256 ${expected}, found ${found}; it was deleted`,
    hint: offlineHint(),
  });
}

function unsupportedPlatform(platform: string): UserError {
  return new UserError({
    code: "unsupported",
    message: `there is no ffmpeg to fetch for ${platform}`,
    hint: offlineHint(),
  });
}

/** What to do without a connection. */
function offlineHint(): string {
  const commands: Partial<Record<NodeJS.Platform, string>> = {
    linux: '"sudo apt install ffmpeg" or "sudo dnf install ffmpeg"',
    darwin: '"brew install ffmpeg"',
    win32: '"winget install Gyan.FFmpeg"',
  };
  const command = commands[process.platform] ?? "your package manager";
  return (
    `Install ffmpeg with ${command}, or copy an ffmpeg program to this machine and set videoRft.ffmpegPath to it ` +
    "(a machine behind a proxy that needs one is best served that way)."
  );
}
