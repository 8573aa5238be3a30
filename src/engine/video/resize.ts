/**
 * Antialiased bicubic resizing of RGB frames (a = -0.5, support widened by the scale when shrinking). ffmpeg's scaler
 * differs from it by up to 19/255, so the policy's frames are resized here. Pure.
 */

/** Weights of one axis: output i is the sum over k of weights[i * taps + k] * input[starts[i] + k]. */
interface AxisWeights {
  readonly outSize: number;
  readonly taps: number;
  readonly starts: Int32Array;
  readonly counts: Int32Array;
  readonly weights: Float64Array;
}

export interface Resizer {
  /**
   * Resizes one frame, RGB row-major [inHeight, inWidth, 3], into `out` (new when left out), [outHeight, outWidth, 3].
   * Throws RangeError when a buffer has another length.
   */
  resize(pixels_HW3: Uint8Array, out?: Uint8Array): Uint8Array;
}

/**
 * Prepares the weights for one pair of sizes in pixels; the returned object reuses its working memory, so calls must
 * not overlap. Computed in floating point and clamped and rounded once at the end, as torchvision resizes the uint8
 * tensors that qwen-vl-utils gives it. Pillow also clamps and rounds between its two passes: the same within 1/255
 * except beside corners of saturated areas, where it cuts the overshoot (18/255 were seen).
 */
export function createResizer(inWidthPx: number, inHeightPx: number, outWidthPx: number, outHeightPx: number): Resizer {
  const across = axisWeights(inWidthPx, outWidthPx);
  const down = axisWeights(inHeightPx, outHeightPx);
  const row = new Float64Array(inWidthPx * 3);
  return {
    resize(pixels_HW3, out = new Uint8Array(outHeightPx * outWidthPx * 3)) {
      expectLength(pixels_HW3, inHeightPx * inWidthPx * 3, "input");
      expectLength(out, outHeightPx * outWidthPx * 3, "output");
      // A clamped array rounds half to even, as torch.round does.
      const clamped = new Uint8ClampedArray(out.buffer, out.byteOffset, out.length);
      for (let y = 0; y < outHeightPx; y++) {
        blendRows(pixels_HW3, row, down, y);
        blendAcross(row, clamped, y * outWidthPx * 3, across);
      }
      return out;
    },
  };
}

/** Output row y before it is made narrower: the weighted sum of the input rows that it covers. Four rows at a time. */
function blendRows(input: Uint8Array, row: Float64Array, axis: AxisWeights, y: number): void {
  const { taps, starts, counts, weights } = axis;
  const width = row.length;
  // Every index here is within its array; the compiler cannot see it and the engine drops the `?? 0`.
  const count = counts[y] ?? 0;
  const first = y * taps;
  let from = (starts[y] ?? 0) * width;
  let k = 0;
  row.fill(0);
  for (; k + 4 <= count; k += 4, from += 4 * width) {
    const w0 = weights[first + k] ?? 0;
    const w1 = weights[first + k + 1] ?? 0;
    const w2 = weights[first + k + 2] ?? 0;
    const w3 = weights[first + k + 3] ?? 0;
    const [at1, at2, at3] = [from + width, from + 2 * width, from + 3 * width];
    for (let x = 0; x < width; x++) {
      row[x] =
        (row[x] ?? 0) +
        w0 * (input[from + x] ?? 0) +
        w1 * (input[at1 + x] ?? 0) +
        w2 * (input[at2 + x] ?? 0) +
        w3 * (input[at3 + x] ?? 0);
    }
  }
  for (; k < count; k++, from += width) {
    const w = weights[first + k] ?? 0;
    for (let x = 0; x < width; x++) row[x] = (row[x] ?? 0) + w * (input[from + x] ?? 0);
  }
}

/** One row [inSize, 3] to [outSize, 3] at `at` of the output. */
function blendAcross(row: Float64Array, output: Uint8ClampedArray, at: number, axis: AxisWeights): void {
  const { outSize, taps, starts, counts, weights } = axis;
  for (let x = 0; x < outSize; x++, at += 3) {
    let from = (starts[x] ?? 0) * 3;
    const first = x * taps;
    const end = first + (counts[x] ?? 0);
    let r = 0;
    let g = 0;
    let b = 0;
    for (let k = first; k < end; k++, from += 3) {
      const w = weights[k] ?? 0;
      r += w * (row[from] ?? 0);
      g += w * (row[from + 1] ?? 0);
      b += w * (row[from + 2] ?? 0);
    }
    output[at] = r;
    output[at + 1] = g;
    output[at + 2] = b;
  }
}

/** Weights of Pillow's precompute_coeffs for its bicubic filter. */
function axisWeights(inSize: number, outSize: number): AxisWeights {
  if (!(inSize >= 1 && outSize >= 1)) throw new RangeError(`expected sizes of at least 1, found ${inSize}, ${outSize}`);
  const scale = inSize / outSize;
  const filterScale = Math.max(scale, 1);
  const support = 2 * filterScale;
  const taps = Math.ceil(support) * 2 + 1;
  const starts = new Int32Array(outSize);
  const counts = new Int32Array(outSize);
  const weights = new Float64Array(outSize * taps);
  for (let i = 0; i < outSize; i++) {
    const center = (i + 0.5) * scale;
    const start = Math.max(Math.trunc(center - support + 0.5), 0);
    const end = Math.min(Math.trunc(center + support + 0.5), inSize);
    let sum = 0;
    for (let k = 0; k < end - start; k++) {
      const w = bicubic((k + start - center + 0.5) / filterScale);
      weights[i * taps + k] = w;
      sum += w;
    }
    for (let k = 0; k < end - start; k++) weights[i * taps + k] = (weights[i * taps + k] ?? 0) / sum;
    starts[i] = start;
    counts[i] = end - start;
  }
  return { outSize, taps, starts, counts, weights };
}

/** Keys' cubic with a = -0.5. */
function bicubic(x: number): number {
  const a = -0.5;
  const t = Math.abs(x);
  if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  if (t < 2) return (((t - 5) * t + 8) * t - 4) * a;
  return 0;
}

function expectLength(array: Uint8Array, length: number, name: string): void {
  if (array.length !== length) throw new RangeError(`expected ${name} of ${length} bytes, found ${array.length}`);
}
