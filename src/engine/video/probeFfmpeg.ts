import type { Ffmpeg } from "./ffmpeg.ts";
import { ffprobeBeside, runFfmpeg } from "./ffmpeg.ts";
import { RunFailure, asBadVideo, badVideo } from "./ffmpegErrors.ts";
import type { FrameTable } from "./probe.ts";
import { ShowinfoReader } from "./showinfo.ts";

/**
 * Frame table from ffprobe's packets. Null when there is no ffprobe, it fails, or the container does not give every
 * packet a presentation time (AVI with reordered frames).
 */
export async function probeByFfprobe(file: string, ffmpeg: Ffmpeg, signal?: AbortSignal): Promise<FrameTable | null> {
  const ffprobe = ffprobeBeside(ffmpeg);
  if (ffprobe === null) return null;
  const entries =
    "packet=pts_time,duration_time,flags:stream=codec_name,width,height,nb_frames,r_frame_rate:stream_tags=DURATION:stream_side_data=rotation:format=format_name,start_time";
  const args = ["-v", "error", "-select_streams", "V:0", "-show_entries", entries, "-of", "json", `file:${file}`];
  const chunks: Uint8Array[] = [];
  try {
    await runFfmpeg(ffprobe, args, { signal, onStdout: (chunk) => void chunks.push(chunk) });
  } catch (error) {
    if (error instanceof RunFailure) return null;
    throw error;
  }
  return tableOfFfprobe(JSON.parse(Buffer.concat(chunks).toString("utf8")));
}

/** Fields of ffprobe's JSON that are read here; it leaves out what it does not know. */
interface FfprobeJson {
  readonly packets?: readonly { pts_time?: string; duration_time?: string; flags?: string }[];
  readonly streams?: readonly {
    codec_name?: string;
    width?: number;
    height?: number;
    nb_frames?: string;
    r_frame_rate?: string;
    tags?: { DURATION?: string };
    side_data_list?: readonly { rotation?: number }[];
  }[];
  readonly format?: { format_name?: string; start_time?: string };
}

function tableOfFfprobe(parsed: unknown): FrameTable | null {
  // SAFETY: ffprobe's own format; every field is optional here and checked where it is read.
  const { packets = [], streams = [], format } = parsed as FfprobeJson;
  const stream = streams[0];
  if (stream?.width === undefined || stream.height === undefined) return null;
  const shown = packets.filter((packet) => packet.flags?.includes("D") !== true);
  const frames = shown.map((packet) => ({
    rawSec: Number(packet.pts_time ?? NaN),
    isKey: packet.flags?.includes("K") === true,
  }));
  if (frames.length === 0 || frames.some((frame) => Number.isNaN(frame.rawSec))) return null;
  const lastIndex = frames.reduce((best, frame, i) => (frame.rawSec > (frames[best]?.rawSec ?? 0) ? i : best), 0);
  const rotation = stream.side_data_list?.find((data) => data.rotation !== undefined)?.rotation ?? 0;
  const isTurned = Math.abs(rotation) % 180 === 90;
  return {
    frames,
    startSec: Number(format?.start_time ?? 0) || 0,
    lastDurationSec: Number(shown[lastIndex]?.duration_time ?? 0) || 0,
    promisedSec: promisedDuration(stream, format?.format_name),
    widthPx: isTurned ? stream.height : stream.width,
    heightPx: isTurned ? stream.width : stream.height,
    codec: stream.codec_name ?? "unknown",
    container: format?.format_name ?? "unknown",
  };
}

/** What the header of a Matroska or AVI file says of the track; others say nothing, or of all tracks together. */
function promisedDuration(
  stream: NonNullable<FfprobeJson["streams"]>[number],
  format: string | undefined,
): number | undefined {
  const [, hours, minutes, seconds] = /^(\d+):(\d+):([\d.]+)$/.exec(stream.tags?.DURATION ?? "") ?? [];
  if (hours !== undefined) return Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
  if (format !== "avi") return undefined;
  const [numerator = NaN, denominator = NaN] = (stream.r_frame_rate ?? "").split("/").map(Number);
  const promised = (Number(stream.nb_frames) * denominator) / numerator;
  return promised > 0 && promised < Infinity ? promised : undefined;
}

/** Frame table by decoding the whole file: what ffmpeg gives, in its order and with its times. */
export async function probeByDecoding(file: string, ffmpeg: Ffmpeg, signal?: AbortSignal): Promise<FrameTable> {
  const reader = new ShowinfoReader();
  let header = "";
  const args = ["-nostats", "-loglevel", "info", "-copyts", "-i", `file:${file}`, "-map", "0:V:0", "-vf", "showinfo"];
  try {
    await runFfmpeg(ffmpeg, [...args, "-f", "null", "-"], {
      signal,
      onStderr: (text) => {
        if (header.length < 16_384) header += text;
        reader.push(text);
      },
    });
  } catch (error) {
    if (!(error instanceof RunFailure)) throw error;
    throw asBadVideo(file, error);
  }
  const frames = reader.frames;
  const first = frames[0];
  if (first === undefined) throw badVideo(file, "expected a video of at least 2 frames, found none");
  return {
    frames: frames.map(({ rawSec, isKey }) => ({ rawSec, isKey })),
    startSec: Number(/, start: (-?[\d.]+)/.exec(header)?.[1] ?? 0),
    lastDurationSec: 0,
    widthPx: first.widthPx,
    heightPx: first.heightPx,
    codec: /Video: (\w+)/.exec(header)?.[1] ?? "unknown",
    container: /Input #0, (\S+), from/.exec(header)?.[1] ?? "unknown",
  };
}
