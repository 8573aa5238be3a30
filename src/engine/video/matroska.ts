/** Writes one video track as Matroska (RFC 9559) for a reader that sees it once, through a pipe. Pure. */
export interface MatroskaTrack {
  /** "avc", "hevc", "vp8", "vp9" or "av1". */
  readonly codec: string;
  /** What the decoder needs before the first packet (avcC, hvcC). */
  readonly description: Uint8Array | undefined;
  readonly widthPx: number;
  readonly heightPx: number;
  /** Of the container, where it says so; the stream may say more. */
  readonly matrix?: string | null | undefined;
  readonly isFullRange?: boolean | null | undefined;
}

/** Packets follow in the order of decoding. */
export interface MatroskaPacket {
  /** When it is shown; at least 0, kept to a microsecond. */
  readonly timeSec: number;
  readonly isKey: boolean;
  readonly data: Uint8Array;
}

const codecNames: Readonly<Record<string, string>> = {
  avc: "V_MPEG4/ISO/AVC",
  hevc: "V_MPEGH/ISO/HEVC",
  vp8: "V_VP8",
  vp9: "V_VP9",
  av1: "V_AV1",
};
/** ITU-T H.273, table 4, under WebCodecs' names. */
const matrices: Readonly<Record<string, number>> = { rgb: 0, bt709: 1, bt470bg: 5, smpte170m: 6, "bt2020-ncl": 9 };
const tickNanoseconds = 1000;
const unknownSize = [0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];

/** Everything before the packets. Throws RangeError on a codec that has no name here. */
export function matroskaHead(track: MatroskaTrack): Uint8Array {
  const codecName = codecNames[track.codec];
  if (codecName === undefined)
    throw new RangeError(`expected one of ${Object.keys(codecNames).join(", ")}, found ${track.codec}`);
  const matrix = matrices[track.matrix ?? ""];
  const range = track.isFullRange === true ? 2 : 1;
  const colour = [
    ...(matrix === undefined ? [] : [element(0x55b1, number(matrix))]),
    ...(typeof track.isFullRange === "boolean" ? [element(0x55b9, number(range))] : []),
  ];
  const video = [
    element(0xb0, number(track.widthPx)),
    element(0xba, number(track.heightPx)),
    ...(colour.length === 0 ? [] : [element(0x55b0, ...colour)]),
  ];
  const entry = [
    ...[element(0xd7, number(1)), element(0x73c5, number(1)), element(0x83, number(1))],
    element(0x86, text(codecName)),
    ...(track.description === undefined ? [] : [element(0x63a2, track.description)]),
    element(0xe0, ...video),
  ];
  return joined([
    element(0x1a45dfa3, element(0x4282, text("matroska")), element(0x4287, number(4)), element(0x4285, number(2))),
    new Uint8Array([...idBytes(0x18538067), ...unknownSize]),
    element(0x1549a966, element(0x2ad7b1, number(tickNanoseconds))),
    element(0x1654ae6b, element(0xae, ...entry)),
  ]);
}

/** A packet, in a cluster of its own. */
export function matroskaCluster({ timeSec, isKey, data }: MatroskaPacket): Uint8Array {
  const ticks = Math.round((timeSec * 1e9) / tickNanoseconds);
  const head = new Uint8Array([0x81, 0, 0, isKey ? 0x80 : 0]);
  return element(0x1f43b675, element(0xe7, number(ticks)), element(0xa3, head, data));
}

function element(id: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const head = [
    ...idBytes(id),
    ...[0x10 | (length >>> 24), length >>> 16, length >>> 8, length].map((byte) => byte & 255),
  ];
  return joined([new Uint8Array(head), ...parts]);
}

/** The ids hold their own length. */
function idBytes(id: number): number[] {
  return [...number(id)];
}

/** Big-endian, in as few bytes as hold it, at least one. */
function number(value: number): Uint8Array {
  const bytes = [value % 256];
  for (let rest = Math.floor(value / 256); rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return new Uint8Array(bytes);
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts);
}
