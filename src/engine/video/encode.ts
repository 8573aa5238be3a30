import { UserError } from "../../protocol/errors.ts";
import { runFfmpeg } from "./ffmpeg.ts";
import type { Ffmpeg } from "./ffmpeg.ts";

export interface EncodeOptions {
  readonly ffmpeg: Pick<Ffmpeg, "path">;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly fps: number;
  /** RGB, row-major [H, W, 3] each (or several frames in one chunk). */
  readonly frames: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  /** An .mp4 file; replaced when it exists. */
  readonly output: string;
  readonly signal?: AbortSignal | undefined;
  /** As `findVideoEncoder` returned it, to ask only once. */
  readonly encoder?: VideoEncoder | undefined;
}

/** Encoders in the order of preference; mpeg4 is in every build. */
export const videoEncoders = ["libx264", "libopenh264", "mpeg4"] as const;
export type VideoEncoder = (typeof videoEncoders)[number];

/** The best encoder that this ffmpeg lists. Throws UserError "no-ffmpeg" when it has none of them. */
export async function findVideoEncoder(ffmpeg: Pick<Ffmpeg, "path">, signal?: AbortSignal): Promise<VideoEncoder> {
  let listing = "";
  const decoder = new TextDecoder();
  await runFfmpeg(ffmpeg, ["-v", "error", "-encoders"], {
    signal,
    onStdout: (chunk) => void (listing += decoder.decode(chunk, { stream: true })),
  });
  const listed = new Set(listing.split(/\r?\n/).map((line) => line.trim().split(/\s+/)[1]));
  const found = videoEncoders.find((name) => listed.has(name));
  if (found !== undefined) return found;
  throw new UserError({
    code: "no-ffmpeg",
    where: ffmpeg.path,
    message: `this ffmpeg has none of the encoders ${videoEncoders.join(", ")}`,
    hint: "Install a build with libx264, or set videoRft.ffmpegPath to one.",
  });
}

/**
 * Encodes RGB frames to a small MP4 without sound: H.264 4:2:0 (MPEG-4 part 2 where ffmpeg has no H.264 encoder),
 * a key frame every 16 frames, no B-frames, one thread. The same frames and program give the same bytes.
 * Throws what `runFfmpeg` throws; a file that was begun is left to the caller.
 */
export async function encodeH264(options: EncodeOptions): Promise<void> {
  const { ffmpeg, widthPx, heightPx, fps, frames, output, signal } = options;
  const encoder = options.encoder ?? (await findVideoEncoder(ffmpeg, signal));
  const input = [
    "-f",
    "rawvideo",
    "-pix_fmt",
    "rgb24",
    "-s",
    `${widthPx}x${heightPx}`,
    "-r",
    String(fps),
    "-i",
    "pipe:0",
  ];
  const colour = ["-vf", "scale=out_color_matrix=bt601:out_range=tv:flags=accurate_rnd+full_chroma_int+bitexact"];
  const tags = ["-colorspace", "smpte170m", "-color_primaries", "smpte170m", "-color_trc", "smpte170m"];
  const stream = ["-an", "-c:v", encoder, ...quality[encoder], "-pix_fmt", "yuv420p", "-g", "16", "-bf", "0"];
  const container = ["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:v", "+bitexact", "-movflags", "+faststart"];
  const args = [...input, ...colour, ...tags, ...stream, "-threads", "1", ...container, "-f", "mp4", "-y", output];
  await runFfmpeg(ffmpeg, ["-v", "error", ...args], { input: frames, signal });
}

const quality: Readonly<Record<VideoEncoder, readonly string[]>> = {
  libx264: ["-crf", "20", "-preset", "veryfast"],
  libopenh264: ["-b:v", "400k"],
  mpeg4: ["-q:v", "3"],
};
