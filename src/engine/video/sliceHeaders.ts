/** What the slices of one packet of H.264 or H.265 tell about it. Pure. */
export interface SliceHeaders {
  /** Nothing after this packet, in the order of decoding, refers to anything before it. */
  isRestart(packet: Uint8Array): boolean;
  /** No other packet refers to this one. */
  isDiscardable(packet: Uint8Array): boolean;
}

/** Of the first byte of a unit (NAL). */
interface UnitKinds {
  readonly isSlice: (header: number) => boolean;
  readonly isRestart: (header: number) => boolean;
  readonly isReference: (header: number) => boolean;
}

/**
 * Reads packets as MP4 and Matroska store them: units, each after its length. `description` is the track's avcC or hvcC
 * box. Null for other codecs, and without the box.
 */
export function sliceHeaders(codec: string, description: Uint8Array | undefined): SliceHeaders | null {
  if (description === undefined) return null;
  if (codec === "avc") return readerOf(avc, ((description[4] ?? 0) & 3) + 1);
  if (codec !== "hevc") return null;
  const hvcc = description[21] ?? 0;
  return readerOf(((hvcc >> 3) & 7) === 1 ? hevcOneLayer : hevcLayers, (hvcc & 3) + 1);
}

/** ITU-T H.264 §7.3.1 and table 7-1: nal_ref_idc and nal_unit_type; slices are 1 to 5, and 5 those of an IDR. */
const avc: UnitKinds = {
  isSlice: (header) => (header & 31) >= 1 && (header & 31) <= 5,
  isRestart: (header) => (header & 31) === 5,
  isReference: (header) => header >> 5 !== 0,
};

/** ITU-T H.265 table 7-1: slices are 0 to 31, an IDR is 19 or 20. A lower temporal layer may serve higher ones. */
const hevcLayers: UnitKinds = {
  isSlice: (header) => unitType(header) <= 31,
  isRestart: (header) => unitType(header) === 19 || unitType(header) === 20,
  isReference: () => true,
};

/** Within one layer the pictures of the types TRAIL_N, TSA_N, STSA_N, RADL_N and RASL_N serve none. */
const hevcOneLayer: UnitKinds = {
  ...hevcLayers,
  isReference: (header) => unitType(header) > 8 || unitType(header) % 2 === 1,
};

function unitType(header: number): number {
  return (header >> 1) & 63;
}

function readerOf(kinds: UnitKinds, lengthBytes: number): SliceHeaders {
  const slicesOf = (packet: Uint8Array): number[] => unitHeaders(packet, lengthBytes).filter(kinds.isSlice);
  return {
    isRestart: (packet) => slicesOf(packet).some(kinds.isRestart),
    isDiscardable(packet) {
      const slices = slicesOf(packet);
      return slices.length > 0 && !slices.some(kinds.isReference);
    },
  };
}

function unitHeaders(packet: Uint8Array, lengthBytes: number): number[] {
  const headers: number[] = [];
  let at = 0;
  while (at + lengthBytes < packet.length) {
    let length = 0;
    for (let i = 0; i < lengthBytes; i++) length = length * 256 + (packet[at + i] ?? 0);
    headers.push(packet[at + lengthBytes] ?? 0);
    at += lengthBytes + Math.max(1, length);
  }
  return headers;
}
