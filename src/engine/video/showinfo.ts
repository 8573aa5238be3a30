/** A frame as ffmpeg's filter "showinfo" describes it. */
export interface ShownFrame {
  readonly rawSec: number;
  readonly isKey: boolean;
  readonly widthPx: number;
  readonly heightPx: number;
}

/**
 * Reads the log lines of ffmpeg's filter "showinfo", and counts those of errors in a log with levels. Times come from the
 * integer timestamp and the time base: the printed seconds have six digits only.
 */
export class ShowinfoReader {
  readonly frames: ShownFrame[] = [];
  errors = 0;
  private rest = "";
  private timeBase = NaN;

  push(text: string): void {
    const lines = (this.rest + text).split(/\r?\n|\r/);
    this.rest = lines.pop() ?? "";
    for (const line of lines) this.readLine(line);
  }

  private readLine(line: string): void {
    if (/\[(?:error|fatal|panic)\]/.test(line)) this.errors++;
    const base = /showinfo.*config in time_base: (\d+)\/(\d+)/.exec(line);
    if (base !== null) this.timeBase = Number(base[1]) / Number(base[2]);
    const frame = /showinfo.*\bn: *\d+ pts: *(-?\d+|NOPTS) .*\bs:(\d+)x(\d+).*\biskey:(\d)/.exec(line);
    if (frame === null) return;
    this.frames.push({
      rawSec: Number(frame[1]) * this.timeBase,
      isKey: frame[4] === "1",
      widthPx: Number(frame[2]),
      heightPx: Number(frame[3]),
    });
  }
}
