import fs from "node:fs/promises";
import path from "node:path";
import type { Ffmpeg } from "./ffmpeg.ts";
import type { SizePx } from "./pickFrames.ts";

/** Frames for people are at most this wide. */
const jpegWidthPx = 640;
/** A Windows command line holds 32,767 characters. */
const longestInlineGraph = 8_000;
/** ffmpeg's parser gives up on sums of about a hundred terms, so a frame is searched for in a tree. */
const leafTerms = 4;

/** Expression of the filter "select" that is true for exactly these frame numbers (ascending). */
export function selectFrames(indices: readonly number[]): string {
  return selectTree(indices.map((index) => ({ isBefore: `lt(n,${index})`, isIt: `eq(n,${index})` })));
}

/** Expression of the filter "select" that is true for frames within a tolerance of these times (ascending), in seconds. */
export function selectTimes(timesSec: readonly number[], toleranceSec: number): string {
  const terms = timesSec.map((timeSec) => {
    const from = (timeSec - toleranceSec).toFixed(6);
    return { isBefore: `lt(t,${from})`, isIt: `between(t,${from},${(timeSec + toleranceSec).toFixed(6)})` };
  });
  return selectTree(terms);
}

interface SelectTerm {
  readonly isBefore: string;
  readonly isIt: string;
}

function selectTree(terms: readonly SelectTerm[]): string {
  if (terms.length <= leafTerms) return terms.map(({ isIt }) => isIt).join("+");
  const middle = Math.ceil(terms.length / 2);
  const [low, high] = [terms.slice(0, middle), terms.slice(middle)];
  return `if(${high[0]?.isBefore},${selectTree(low)},${selectTree(high)})`;
}

/** Size of the JPEG of a frame: at most 640 wide, both sides even. */
export function jpegSize(source: SizePx): SizePx {
  const widthPx = Math.max(2, Math.floor(Math.min(source.widthPx, jpegWidthPx) / 2) * 2);
  return { widthPx, heightPx: Math.max(2, Math.round((source.heightPx * widthPx) / source.widthPx / 2) * 2) };
}

/** Codecs of files whose pixels are luma and chroma; those of PNG and GIF are RGB or a palette. */
const yuvCodecs = new Set(["avc", "hevc", "vp8", "vp9", "av1", "jpeg", "h264", "mjpeg", "mpeg4", "mpeg2video"]);

/**
 * Filter graph from the first video track that is no cover picture: the selected frames, turned, as RGB at full size to [p], as
 * JPEGs to [j], and a corner of them through "showinfo", which logs their times. The scaler only converts colours for
 * [p]; without these flags it does so coarsely. To planes of colours it does so three times as fast as to packed RGB and
 * gives the same values; to packed RGB they are only copied.
 */
export function frameGraph(
  source: SizePx & { readonly codec: string },
  options: { select: string | null; turn?: readonly string[]; withJpeg: boolean },
): string {
  const select = options.select === null ? "" : `select='${options.select}',`;
  const turn = (options.turn ?? []).map((filter) => `${filter},`).join("");
  const size = jpegSize(source);
  const planes = yuvCodecs.has(source.codec) ? "format=gbrp," : "";
  const jpeg = `[c]scale=${size.widthPx}:${size.heightPx}:flags=bicubic+accurate_rnd,format=yuvj420p[j]`;
  const parts = [
    `[0:V:0]${select}${turn}split=${options.withJpeg ? "3[a][b][c]" : "2[a][b]"}`,
    "[a]crop=w='min(iw,16)':h='min(ih,16)',showinfo,nullsink",
    `[b]scale=flags=bicubic+accurate_rnd+full_chroma_int,${planes}format=rgb24[p]`,
  ];
  return [...parts, ...(options.withJpeg ? [jpeg] : [])].join(";");
}

/** Arguments that give a graph to ffmpeg: itself, or a file with it when it is long. Dispose removes the file. */
export async function graphArgs(
  ffmpeg: Ffmpeg,
  graph: string,
  makeFolder: () => Promise<string>,
): Promise<{ args: string[]; dispose: () => Promise<void> }> {
  if (graph.length <= longestInlineGraph) return { args: ["-filter_complex", graph], dispose: async () => {} };
  const folder = await makeFolder();
  const file = path.join(folder, "graph.txt");
  await fs.writeFile(file, graph);
  const dispose = (): Promise<void> => fs.rm(folder, { recursive: true, force: true });
  const option = readsOptionsFromFiles(ffmpeg.version) ? "-/filter_complex" : "-filter_complex_script";
  return { args: [option, file], dispose };
}

/** Emit every selected frame once; otherwise raw output is filled up to a constant rate. */
export function passthroughArgs(ffmpeg: Ffmpeg): string[] {
  return [hasFpsMode(ffmpeg.version) ? "-fps_mode" : "-vsync", "passthrough"];
}

/** "-fps_mode" came with 5.1. */
function hasFpsMode(version: string): boolean {
  return isAtLeast(version, { release: 501, commits: 108_000, year: 2023 });
}

/** Version 7 reads any option's value from a file and gave up the option that read a graph from one. */
function readsOptionsFromFiles(version: string): boolean {
  return isAtLeast(version, { release: 700, commits: 116_000, year: 2025 });
}

/** Releases are numbered; snapshots are named by count of commits ("N-108000-g…") or by date ("2024-05-13-git-…"). */
function isAtLeast(version: string, least: { release: number; commits: number; year: number }): boolean {
  const release = /^n?(\d+)\.(\d+)/.exec(version);
  if (release !== null) return Number(release[1]) * 100 + Number(release[2]) >= least.release;
  const snapshot = /^N-(\d+)/.exec(version);
  if (snapshot !== null) return Number(snapshot[1]) >= least.commits;
  const date = /^(20\d\d)-/.exec(version);
  return date === null || Number(date[1]) >= least.year;
}
