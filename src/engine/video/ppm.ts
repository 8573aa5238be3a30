/**
 * Splits a stream of binary PPM images ("P6\n<width> <height>\n255\n" and RGB bytes, as ffmpeg's ppm encoder writes
 * them) into frames. Each image carries its size, so a wrong guess of it cannot shear the pixels.
 */
export class PpmReader {
  private header = "";
  private frame: Uint8Array | null = null;
  private buffer = new Uint8Array(0);
  private filled = 0;
  private widthPx = 0;
  private heightPx = 0;
  private readonly onFrame: (pixels_HW3: Uint8Array, widthPx: number, heightPx: number) => void;

  /** The pixels given to `onFrame` are valid during the call only. */
  constructor(onFrame: (pixels_HW3: Uint8Array, widthPx: number, heightPx: number) => void) {
    this.onFrame = onFrame;
  }

  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.frame === null) {
        this.header += String.fromCharCode(chunk[at++] ?? 0);
        this.readHeader();
        continue;
      }
      const taken = Math.min(this.frame.length - this.filled, chunk.length - at);
      this.frame.set(chunk.subarray(at, at + taken), this.filled);
      this.filled += taken;
      at += taken;
      if (this.filled < this.frame.length) continue;
      this.onFrame(this.frame, this.widthPx, this.heightPx);
      this.frame = null;
    }
  }

  private readHeader(): void {
    const match = /^P6\s(\d+)\s(\d+)\s255\s$/.exec(this.header);
    if (match === null) {
      if (this.header.length > 40)
        throw new Error(`internal: expected a PPM header, found ${JSON.stringify(this.header)}`);
      return;
    }
    this.widthPx = Number(match[1]);
    this.heightPx = Number(match[2]);
    const length = this.widthPx * this.heightPx * 3;
    if (this.buffer.length !== length) this.buffer = new Uint8Array(length);
    this.frame = this.buffer;
    this.filled = 0;
    this.header = "";
  }
}
