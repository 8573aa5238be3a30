import { EncodedPacketSink, FilePathSource, Input, MATROSKA, MP4, QTFF, WEBM } from "mediabunny";
import type { EncodedPacket, InputFormat } from "mediabunny";
import { mayHaveUnnamedMatrix } from "./containerColours.ts";
import { matroskaCluster, matroskaHead } from "./matroska.ts";
import type { MatroskaTrack } from "./matroska.ts";
import { sliceHeaders } from "./sliceHeaders.ts";
import type { SliceHeaders } from "./sliceHeaders.ts";

/** Times of the table are rounded to a millionth of a second. */
const sameTimeSec = 1e-5;

/** A part of a video's first track that is enough to decode some of its frames. */
export interface PacketSieve {
  /** Matroska; may be iterated once, and is read from the file at the pace of its reader. */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Its times less those of the file; none may be below 0. */
  readonly shiftSec: number;
  /** Filters that turn and flip the pictures as ffmpeg itself does with those of the file. */
  readonly turn: readonly string[];
  /** Forgets the file. */
  dispose(): void;
}

/**
 * Leaves out the packets that no wanted frame needs: pictures that none refers to, and those between a wanted frame and the
 * key frame from which the next one can be decoded. Most encoders make a third to a half of the first kind. `wantedSec`:
 * times of the wanted frames in the clock of the container, ascending.
 * Null where that cannot be told, or the stream would not be the same to a decoder: codecs without key frames, a film that is
 * shown askew, colours that mediabunny cannot tell.
 * Throws, as does reading the bytes, on a file that mediabunny cannot read.
 */
export async function sievePackets(file: string, wantedSec: readonly number[]): Promise<PacketSieve | null> {
  if (await mayHaveUnnamedMatrix(file)) return null;
  const input = new Input({ formats: [MP4, QTFF, MATROSKA, WEBM], source: new FilePathSource(file) });
  const dispose = (): void => input.dispose();
  try {
    const sieve = await openSieve(input, wantedSec);
    if (sieve === null) dispose();
    return sieve === null ? null : { ...sieve, dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}

async function openSieve(input: Input, wantedSec: readonly number[]): Promise<Omit<PacketSieve, "dispose"> | null> {
  const track = (await input.getVideoTracks())[0];
  const codec = (await track?.getCodec()) ?? null;
  const config = (await track?.getDecoderConfig()) ?? null;
  if (track === undefined || codec === null || config === null) return null;
  const turn = turnOf(await track.getTransformationMatrix(), await input.getFormat());
  if (turn === null) return null;
  const description = bytesOf(config);
  const headers = sliceHeaders(codec, description);
  if (headers === null && (codec === "avc" || codec === "hevc")) return null;
  const sink = new EncodedPacketSink(track);
  const nearby = await sink.getKeyPacket(wantedSec[0] ?? 0);
  const first = nearby !== null && isRestart(nearby, headers) ? nearby : await sink.getFirstPacket();
  if (first?.type !== "key") return null;
  // Key frames may be followed by frames that are shown before them, so a second of room is left.
  const shiftSec = first.timestamp < 1 ? Math.ceil(1 - first.timestamp) : 0;
  const packets = neededPackets(sink, first, headers, wantedSec);
  const colours: { matrix?: string | null; fullRange?: boolean | null } = config.colorSpace ?? {};
  const written: MatroskaTrack = {
    codec,
    description,
    widthPx: config.codedWidth ?? (await track.getCodedWidth()),
    heightPx: config.codedHeight ?? (await track.getCodedHeight()),
    matrix: colours.matrix,
    isFullRange: colours.fullRange,
  };
  return { bytes: matroskaOf(written, packets, shiftSec), shiftSec, turn };
}

/** The eight ways of showing a picture upright, by a, b, c, d of its matrix: the image of (x, y) is (ax + cy, bx + dy). */
const turns: Readonly<Record<string, readonly string[]>> = {
  "1,0,0,1": [],
  "0,1,-1,0": ["transpose=clock"],
  "-1,0,0,-1": ["hflip", "vflip"],
  "0,-1,1,0": ["transpose=cclock"],
  "-1,0,0,1": ["hflip"],
  "1,0,0,-1": ["vflip"],
  "0,1,1,0": ["transpose=cclock_flip"],
  "0,-1,-1,0": ["transpose=clock_flip"],
};

/** Null for any other way; in Matroska, where only newer ffmpegs turn pictures, for all but one. */
function turnOf([a, b, , c, d]: readonly number[], format: InputFormat): readonly string[] | null {
  const turn = turns[[a, b, c, d].map((value) => (value === 0 ? 0 : value)).join()] ?? null; // -0 is 0
  return format === MP4 || format === QTFF || turn?.length === 0 ? turn : null;
}

/** In the order of decoding, from the first one to the last wanted one. */
async function* neededPackets(
  sink: EncodedPacketSink,
  first: EncodedPacket,
  headers: SliceHeaders | null,
  wantedSec: readonly number[],
): AsyncGenerator<EncodedPacket> {
  const missing = new Set(wantedSec.keys());
  for (let start: EncodedPacket | null = first; start !== null;) {
    let next: EncodedPacket | null = null;
    for await (const packet of sink.packets(start)) {
      const isWanted = missing.delete(positionOf(packet.timestamp, wantedSec));
      if (isWanted || headers?.isDiscardable(packet.data) !== true) yield packet;
      if (missing.size === 0) return;
      if (isWanted) next = await restartAhead(sink, packet, wantedSec[Math.min(...missing)] ?? 0, headers);
      if (next !== null) break;
    }
    start = next;
  }
}

/** The key frame from which a time can be decoded, if it lies ahead of a packet. */
async function restartAhead(
  sink: EncodedPacketSink,
  packet: EncodedPacket,
  timeSec: number,
  headers: SliceHeaders | null,
): Promise<EncodedPacket | null> {
  const key = await sink.getKeyPacket(timeSec, { metadataOnly: true });
  if (key === null || key.sequenceNumber <= packet.sequenceNumber) return null;
  const whole = await sink.getKeyPacket(timeSec);
  return whole !== null && isRestart(whole, headers) ? whole : null;
}

/** Codecs that have no headers here start anew at each key frame. */
function isRestart(packet: EncodedPacket, headers: SliceHeaders | null): boolean {
  return headers === null || headers.isRestart(packet.data);
}

/** Of the wanted time that a packet has, or -1. */
function positionOf(timeSec: number, wantedSec: readonly number[]): number {
  let [low, high] = [0, wantedSec.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((wantedSec[middle] ?? 0) < timeSec - sameTimeSec) low = middle + 1;
    else high = middle;
  }
  return Math.abs((wantedSec[low] ?? Infinity) - timeSec) <= sameTimeSec ? low : -1;
}

async function* matroskaOf(
  track: MatroskaTrack,
  packets: AsyncIterable<EncodedPacket>,
  shiftSec: number,
): AsyncGenerator<Uint8Array> {
  yield matroskaHead(track);
  for await (const { timestamp, type, data } of packets) {
    yield matroskaCluster({ timeSec: timestamp + shiftSec, isKey: type === "key", data });
  }
}

function bytesOf({ description }: VideoDecoderConfig): Uint8Array | undefined {
  if (description === undefined) return undefined;
  if (!ArrayBuffer.isView(description)) return new Uint8Array(description);
  return new Uint8Array(description.buffer, description.byteOffset, description.byteLength);
}
