/** What the first bytes of an image say. */
export interface ImageHeader {
  readonly kind: "jpeg" | "png";
  readonly widthPx: number;
  readonly heightPx: number;
}

/** Header of a JPEG or PNG; null when the bytes are neither. */
export function readImageHeader(bytes: Uint8Array): ImageHeader | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (isPng(bytes)) return { kind: "png", widthPx: view.getUint32(16), heightPx: view.getUint32(20) };
  for (const { marker, start, end } of jpegSegments(bytes)) {
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (!isFrame || end - start < 9) continue;
    return { kind: "jpeg", heightPx: view.getUint16(start + 5), widthPx: view.getUint16(start + 7) };
  }
  return null;
}

/** Whether the end of the image is there; ffmpeg would fill the rest of one that is cut off with grey. */
export function isWholeImage(bytes: Uint8Array, kind: ImageHeader["kind"]): boolean {
  const tail = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return tail.lastIndexOf(kind === "jpeg" ? Buffer.of(0xff, 0xd9) : "IEND") > 16;
}

/**
 * A JPEG without the segments that hold no picture, since a preview inside one of them would be taken for a frame when
 * images follow each other in a pipe. What says how the colours are coded stays (JFIF, Adobe).
 */
export function pictureOnly(bytes: Uint8Array): Uint8Array {
  if (isPng(bytes)) return bytes;
  const kept: Uint8Array[] = [bytes.subarray(0, 2)];
  let rest = 2;
  for (const { marker, start, end } of jpegSegments(bytes)) {
    const isExtra = (marker > 0xe0 && marker <= 0xef && marker !== 0xee) || marker === 0xfe;
    if (!isExtra) kept.push(bytes.subarray(start, end));
    rest = end;
  }
  return Buffer.concat([...kept, bytes.subarray(rest)]);
}

const pngSignature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

function isPng(bytes: Uint8Array): boolean {
  return bytes.length >= 33 && pngSignature.every((value, i) => bytes[i] === value);
}

interface JpegSegment {
  readonly marker: number;
  /** Of the marker. */
  readonly start: number;
  readonly end: number;
}

/** Segments before the picture's data. */
function* jpegSegments(bytes: Uint8Array): Generator<JpegSegment> {
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) return;
  let start = 2;
  while (start + 4 <= bytes.length && bytes[start] === 0xff) {
    const marker = bytes[start + 1] ?? 0;
    if (marker === 0xff) {
      start++; // a marker may be led by any number of 0xff
      continue;
    }
    if (marker === 0xda) return;
    const end = start + 2 + (((bytes[start + 2] ?? 0) << 8) | (bytes[start + 3] ?? 0));
    if (end > bytes.length) return;
    yield { marker, start, end };
    start = end;
  }
}
