import fs from "node:fs/promises";
import { UserError } from "../../protocol/errors.ts";
import type { VideoSpec } from "../../protocol/spec.ts";
import type { ShownVideo } from "../../protocol/video.ts";
import { videoSchema } from "../../protocol/spec.ts";
import type { FfmpegSource } from "../video/probe.ts";
import { openClip, openFrameFiles } from "../video/frameCache.ts";

/** A frame for people, at a time of what is shown of the video. */
export interface ReportFrame {
  readonly timestampSec: number;
  /** data:image/jpeg;base64,… */
  readonly dataUri: string;
  readonly widthPx: number;
  readonly heightPx: number;
}

/** Frames nearest to the times, or why there are none. */
export type FramesAt = (
  shown: ShownVideo,
  times: { readonly count: number; readonly nearSec?: readonly number[] },
) => Promise<{ readonly frames: readonly ReportFrame[]; readonly problem: string | null }>;

export interface ReportFramesOptions {
  readonly ffmpeg: FfmpegSource;
  readonly cacheDir: string;
  /** `video` of the evaluation's settings: where it fits, the frames are those that the policy saw. */
  readonly video: unknown;
  readonly signal?: AbortSignal | undefined;
  /** Bytes of images that a report may hold; frames beyond them are left out. */
  readonly maxBytes?: number;
}

/** A report shows a few frames; a long clip's hundreds are not decoded for them. */
const mostFrames = 32;

export function createFrames(options: ReportFramesOptions): FramesAt {
  const { cacheDir, ffmpeg, signal } = options;
  const video = reportVideo(options.video);
  let bytesLeft = options.maxBytes ?? 6e6;
  return async ({ videoPath, clip, frameRate }, { count, nearSec }) => {
    try {
      const { seen } = await openClip({ path: videoPath, clip, frameRate, video, ffmpeg, cacheDir, signal });
      const files = await openFrameFiles({ seen, ffmpeg, cacheDir, signal });
      const chosen = chooseFrames(seen.timestampsSec, count, nearSec);
      const frames: ReportFrame[] = [];
      for (const index of chosen) {
        const image = await fs.readFile(files[index] ?? "");
        if (image.length > bytesLeft) return { frames, problem: "The report holds no more images." };
        bytesLeft -= image.length;
        frames.push({
          timestampSec: seen.timestampsSec[index] ?? 0,
          dataUri: `data:image/jpeg;base64,${image.toString("base64")}`,
          widthPx: seen.sourceWidthPx,
          heightPx: seen.sourceHeightPx,
        });
      }
      return { frames, problem: null };
    } catch (error) {
      if (!UserError.is(error) || error.code === "cancelled") throw error;
      return { frames: [], problem: error.message };
    }
  };
}

/** Positions of `count` frames: those nearest to the times where there are some, else equally spaced. */
export function chooseFrames(timestampsSec: readonly number[], count: number, nearSec?: readonly number[]): number[] {
  const wanted = spread(nearSec ?? timestampsSec, count);
  const nearest = wanted.map((sec) =>
    timestampsSec.reduce(
      (best, at, i) => (Math.abs(at - sec) < Math.abs((timestampsSec[best] ?? Infinity) - sec) ? i : best),
      0,
    ),
  );
  return [...new Set(nearest)].sort((a, b) => a - b);
}

/** First, last and equally spaced ones between. */
function spread(values: readonly number[], count: number): number[] {
  if (values.length <= count) return [...values];
  const at = (i: number): number => values[Math.round((i * (values.length - 1)) / Math.max(1, count - 1))] ?? 0;
  return Array.from({ length: count }, (_, i) => at(i));
}

function reportVideo(settings: unknown): VideoSpec {
  const parsed = videoSchema.safeParse(settings);
  const video = parsed.success ? parsed.data : videoSchema.parse({});
  return video.maxFrames <= mostFrames ? video : { ...video, maxFrames: mostFrames, maxPixels: 50_176 };
}
