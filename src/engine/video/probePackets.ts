import { EncodedPacketSink, FilePathSource, Input, MATROSKA, MP4, MPEG_TS, OGG, QTFF, WEBM } from "mediabunny";
import type { InputVideoTrack } from "mediabunny";
import { cancelled } from "./ffmpegErrors.ts";
import type { FrameTable } from "./probe.ts";

/** Containers of video files; playlists are left out, since they lead to other files. */
const formats = [MP4, QTFF, MATROSKA, WEBM, MPEG_TS, OGG];

/**
 * Frame table from the container's packet table, without decoding. Null when the container or codec is none that the
 * reader knows (AVI, MPEG-PS, a file that is no video): another reader may do better, or say what is wrong.
 */
export async function probeByPackets(file: string, signal?: AbortSignal): Promise<FrameTable | null> {
  const input = new Input({ formats, source: new FilePathSource(file) });
  try {
    const track = (await input.getVideoTracks())[0];
    if (track === undefined) return null;
    return await readTrack(input, track, signal);
  } catch (error) {
    if (signal?.aborted) throw cancelled();
    // Whatever it stumbled over, ffmpeg's answer decides whether the file is bad.
    void error;
    return null;
  } finally {
    input.dispose();
  }
}

async function readTrack(input: Input, track: InputVideoTrack, signal?: AbortSignal): Promise<FrameTable | null> {
  const codec = await track.getCodec();
  if (codec === null) return null;
  const container = (await input.getFormat()).name.toLowerCase();
  // Players and ffmpeg start at the first timestamp of any track. Negative ones are priming that is not presented.
  const startSec = Math.max(0, await input.getFirstTimestamp());
  const frames: { rawSec: number; isKey: boolean }[] = [];
  let last = { rawSec: -Infinity, durationSec: 0 };
  for await (const packet of new EncodedPacketSink(track).packets(undefined, undefined, { metadataOnly: true })) {
    if (signal?.aborted) throw cancelled();
    // Edit lists trim frames by giving them times before 0; the decoder drops them and does not count them.
    if (packet.timestamp < -1e-6) continue;
    frames.push({ rawSec: packet.timestamp, isKey: packet.type === "key" });
    if (packet.timestamp > last.rawSec) last = { rawSec: packet.timestamp, durationSec: packet.duration };
  }
  // A Matroska file that is cut off has its index missing; what is there can still be listed from its start.
  if (frames.length === 0) return null;
  const isTurned = (await track.getRotation()) % 180 !== 0;
  const width = await track.getCodedWidth();
  const height = await track.getCodedHeight();
  return {
    frames,
    startSec,
    lastDurationSec: last.durationSec,
    widthPx: isTurned ? height : width,
    heightPx: isTurned ? width : height,
    codec,
    container: containerNames[container] ?? container,
  };
}

/** Readers' names to one spelling. */
const containerNames: Readonly<Record<string, string>> = {
  "quicktime file format": "mov",
  "mpeg transport stream": "mpegts",
};
