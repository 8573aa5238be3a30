/** ffmpeg gave other frames than the table says; the caller lists the frames by decoding and tries again. */
export class FrameTableMismatch extends Error {
  /** Frames that came. */
  readonly decoded: number;

  constructor(message: string, decoded: number) {
    super(message);
    this.name = "FrameTableMismatch";
    this.decoded = decoded;
  }
}
