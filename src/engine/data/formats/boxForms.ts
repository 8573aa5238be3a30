import type { JsonPath } from "../example.ts";
import type { ReportProblem } from "./rowReader.ts";

/** Fewer boxes without area may be mistakes of their own. */
const fewestFlat = 8;
/** Rounding of annotations. */
const tolerance = 0.005;

/**
 * Watches for boxes that are written as x, y, width, height where x0, y0, x1, y1 is meant. A file of real corners cannot
 * pass: all its boxes would have to lie in the upper left quarter, and some to have no area.
 */
export class BoxForms {
  #count = 0;
  #flat = 0;
  #firstFlat: JsonPath | null = null;
  #fitsAsSizes = true;

  add([a, b, c, d]: readonly [number, number, number, number], path: JsonPath): void {
    this.#count++;
    if (c <= a || d <= b) {
      this.#flat++;
      this.#firstFlat ??= path;
    }
    const isInFrame = a >= 0 && b >= 0 && c > 0 && d > 0 && a + c <= 1 + tolerance && b + d <= 1 + tolerance;
    if (!isInFrame) this.#fitsAsSizes = false;
  }

  report(report: ReportProblem): void {
    if (!this.#fitsAsSizes || this.#flat < fewestFlat || this.#firstFlat === null) return;
    const message =
      `${this.#flat} of ${this.#count} true boxes have no area as x0, y0, x1, y1, and all of them lie in the frame as ` +
      "x, y, width, height: write [x, y, x + width, y + height].";
    report({ code: "boxes-xywh", isKept: false, example: null, message, path: this.#firstFlat });
  }
}
