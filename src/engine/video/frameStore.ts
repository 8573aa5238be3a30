import { randomBytes } from "node:crypto";
import fs from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import zlib from "node:zlib";
import { UserError } from "../../protocol/errors.ts";
import type { FrameSetRecord } from "../../protocol/records.ts";

/**
 * Frame sets on disk, one folder each, named by content, so that two processes that make the same one make the same
 * bytes. A folder appears whole by a rename; what a crash or a full disk left behind is told by sizes and a checksum.
 *
 *   frames/<key>/entry.json   pixels' size and checksum, sizes of the images
 *   frames/<key>/pixels.rgb   [F, H, W, 3] at the policy's size
 *   frames/<key>/index.json   FrameSetRecord of the images
 *   frames/<key>/000001.jpg…  the same frames at display size
 *   frames/<key>/usage        bytes of the folder; its time of change is the last use
 */
interface StoredEntry {
  readonly version: number;
  readonly pixelBytes: number;
  readonly pixelCrc32: number;
  readonly images: readonly { readonly name: string; readonly bytes: number }[];
}

const entryVersion = 1;
/** A folder of a writer that died is removed after this time. */
const staleMs = 24 * 3600 * 1000;
export const defaultMaxCacheBytes = 10e9;

/** The given folder, else env VIDEO_RFT_CACHE, else the user's cache folder. */
export function resolveCacheDir(given?: string | null): string {
  const chosen = given || process.env["VIDEO_RFT_CACHE"];
  if (chosen) return path.resolve(chosen);
  const home = os.homedir();
  if (process.platform === "win32") {
    return path.join(process.env["LOCALAPPDATA"] ?? path.join(home, "AppData", "Local"), "video-rft", "cache");
  }
  if (process.platform === "darwin") return path.join(home, "Library", "Caches", "video-rft");
  return path.join(process.env["XDG_CACHE_HOME"] || path.join(home, ".cache"), "video-rft");
}

/** Folder of a frame set, whether it is there or not. */
export function frameSetDir(cacheDir: string, key: string): string {
  if (!/^[0-9a-f]{16,64}$/.test(key)) throw new Error(`internal: frame set key ${JSON.stringify(key)}`);
  return path.join(cacheDir, "frames", key);
}

/** Folder of what a vision tower made of frames, a file each; evicted together with the frames. */
export function visualFolder(cacheDir: string): string {
  return path.join(cacheDir, "visual");
}

/** Pixels of a frame set, or null when it is missing or torn. */
export async function readPixels(cacheDir: string, key: string, expectedBytes: number): Promise<Uint8Array | null> {
  const dir = frameSetDir(cacheDir, key);
  const entry = await readEntry(dir);
  if (entry === null || entry.pixelBytes !== expectedBytes) return null;
  const pixels = await fs.readFile(path.join(dir, "pixels.rgb")).catch(() => null);
  if (pixels === null || pixels.length !== expectedBytes || zlib.crc32(pixels) !== entry.pixelCrc32) return null;
  await touch(path.join(dir, "usage"));
  return new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength);
}

/** Whether the pixels of a frame set seem to be there; only reading them tells whether they are whole. */
export async function hasPixels(cacheDir: string, key: string, expectedBytes: number): Promise<boolean> {
  const dir = frameSetDir(cacheDir, key);
  if ((await readEntry(dir))?.pixelBytes !== expectedBytes) return false;
  return (await sizeOf(path.join(dir, "pixels.rgb"))) === expectedBytes;
}

/** Paths of the images in the order of the frames, or null when the set is missing or torn. */
export async function readImagePaths(cacheDir: string, key: string): Promise<string[] | null> {
  const dir = frameSetDir(cacheDir, key);
  const entry = await readEntry(dir);
  // SAFETY: our own file, replaced as a whole.
  const index = (await readJson(path.join(dir, "index.json"))) as FrameSetRecord | null;
  if (entry === null || index?.files === undefined) return null;
  const sizes = await Promise.all(entry.images.map(({ name }) => sizeOf(path.join(dir, name))));
  if (!entry.images.every(({ bytes }, i) => sizes[i] === bytes)) return null;
  await touch(path.join(dir, "usage"));
  return index.files.map((name) => path.join(dir, name));
}

/** A new empty folder beside the frame sets; storeFrameSet moves it in place, or the caller removes it. */
export async function makeScratchDir(cacheDir: string): Promise<string> {
  const parent = path.join(cacheDir, "frames");
  return await onFullDisk(cacheDir, async () => {
    await fs.mkdir(parent, { recursive: true });
    return await fs.mkdtemp(path.join(parent, "new-"));
  });
}

/**
 * Completes a scratch folder that holds the images and puts it in place of whatever is there under the key. When
 * another process holds the same set open or was faster, its copy stays: it is the same.
 */
export async function storeFrameSet(
  cacheDir: string,
  key: string,
  scratchDir: string,
  content: { readonly pixels: Uint8Array; readonly index: FrameSetRecord },
): Promise<void> {
  await onFullDisk(cacheDir, async () => {
    const names = [...new Set(content.index.files)];
    const images = await Promise.all(
      names.map(async (name) => ({ name, bytes: await sizeOf(path.join(scratchDir, name)) })),
    );
    const entry: StoredEntry = {
      version: entryVersion,
      pixelBytes: content.pixels.length,
      pixelCrc32: zlib.crc32(content.pixels),
      images,
    };
    const bytes = images.reduce((sum, image) => sum + image.bytes, content.pixels.length);
    await fs.writeFile(path.join(scratchDir, "pixels.rgb"), content.pixels);
    await fs.writeFile(path.join(scratchDir, "index.json"), JSON.stringify(content.index));
    await fs.writeFile(path.join(scratchDir, "usage"), String(bytes));
    await fs.writeFile(path.join(scratchDir, "entry.json"), JSON.stringify(entry));
    await moveInPlace(scratchDir, frameSetDir(cacheDir, key));
  });
}

/** Parsed JSON, or null when the file is missing or torn. */
export async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await fs.readFile(file, "utf8"));
  } catch {
    return null;
  }
}

/** Writes a file of the cache as a whole, with its folder. */
export async function writeFileAtomic(file: string, text: string): Promise<void> {
  await onFullDisk(path.dirname(file), async () => {
    await fs.mkdir(path.dirname(file), { recursive: true });
    const temporary = `${file}.${randomBytes(6).toString("hex")}.tmp`;
    try {
      await fs.writeFile(temporary, text);
      await fs.rename(temporary, file);
    } catch (error) {
      await fs.rm(temporary, { force: true });
      // On Windows a file that another process has open cannot be replaced; theirs says the same.
      if (!isHeld(error)) throw error;
    }
  });
}

export async function touch(file: string): Promise<void> {
  const now = new Date();
  await fs.utimes(file, now, now).catch(() => {});
}

/**
 * Removes what was used least recently until the cache holds at most `maxBytes`, less a tenth so that this is not
 * needed at once again, and what dead writers left.
 */
export async function evict(cacheDir: string, maxBytes: number): Promise<void> {
  const items = [
    ...(await listItems(path.join(cacheDir, "frames"), "usage")),
    ...(await listItems(visualFolder(cacheDir), null)),
    ...(await listItems(path.join(cacheDir, "probes"), null)),
    ...(await listItems(path.join(cacheDir, "hashes"), null)),
  ];
  let total = items.reduce((sum, item) => sum + item.bytes, 0);
  if (total <= maxBytes) return;
  // What was used last stays in any case: its user is about to read it.
  for (const item of items.sort((a, b) => a.usedMs - b.usedMs).slice(0, -1)) {
    if (total <= maxBytes * 0.9) return;
    await removeWhole(item.path);
    total -= item.bytes;
  }
}

interface CacheItem {
  readonly path: string;
  readonly bytes: number;
  readonly usedMs: number;
}

async function listItems(folder: string, usageName: string | null): Promise<CacheItem[]> {
  const items: CacheItem[] = [];
  for (const name of await fs.readdir(folder).catch(() => [])) {
    const item = path.join(folder, name);
    const marker = usageName === null ? item : path.join(item, usageName);
    const stats = await fs.stat(marker).catch(() => null);
    if (/^(new|old)-|\.tmp$/.test(name) || stats === null) {
      const left = await fs.stat(item).catch(() => null);
      if (left !== null && Date.now() - left.mtimeMs > staleMs) await fs.rm(item, { recursive: true, force: true });
      continue;
    }
    const bytes = usageName === null ? stats.size : Number(await fs.readFile(marker, "utf8").catch(() => "0"));
    items.push({ path: item, bytes: Number.isFinite(bytes) ? bytes : 0, usedMs: stats.mtimeMs });
  }
  return items;
}

async function readEntry(dir: string): Promise<StoredEntry | null> {
  // SAFETY: our own file; one that is torn does not parse, one of another version is left alone.
  const entry = (await readJson(path.join(dir, "entry.json"))) as StoredEntry | null;
  return entry?.version === entryVersion && Array.isArray(entry.images) ? entry : null;
}

async function sizeOf(file: string): Promise<number> {
  return (await fs.stat(file).catch(() => null))?.size ?? -1;
}

async function moveInPlace(from: string, to: string): Promise<void> {
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      await fs.rename(from, to);
      return;
    } catch (error) {
      if (!isHeld(error)) throw error;
      // A reader may be in the whole set that another process put there: it stays.
      if (await isWhole(to)) break;
      await removeWhole(to);
    }
  }
  await fs.rm(from, { recursive: true, force: true });
}

async function isWhole(dir: string): Promise<boolean> {
  const entry = await readEntry(dir);
  if (entry === null) return false;
  const sizes = await Promise.all(entry.images.map(({ name }) => sizeOf(path.join(dir, name))));
  const pixels = await fs.readFile(path.join(dir, "pixels.rgb")).catch(() => null);
  return (
    entry.images.every(({ bytes }, i) => sizes[i] === bytes) &&
    pixels !== null &&
    zlib.crc32(pixels) === entry.pixelCrc32
  );
}

/** Moves a folder out of the way before it is removed, so that nobody reads half of it. */
async function removeWhole(item: string): Promise<void> {
  const aside = path.join(path.dirname(item), `old-${randomBytes(6).toString("hex")}`);
  try {
    await fs.rename(item, aside);
    await fs.rm(aside, { recursive: true, force: true });
  } catch {
    // Held by another process on Windows, or gone already: it is looked at again next time.
  }
}

function isHeld(error: unknown): boolean {
  // SAFETY: errors of node:fs carry a code; others have none.
  const code = (error as NodeJS.ErrnoException).code ?? "";
  return ["EEXIST", "ENOTEMPTY", "EPERM", "EACCES", "EBUSY"].includes(code);
}

async function onFullDisk<T>(where: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    // SAFETY: as above.
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOSPC" && code !== "EDQUOT") throw error;
    const hint = "Free some space, or set VIDEO_RFT_CACHE to a folder on another disk.";
    throw new UserError(
      { code: "disk-full", where, message: "no space left for decoded frames", hint },
      { cause: error },
    );
  }
}
