/**
 * Antialiased bicubic resizing of RGB frames (a = -0.5, support widened by the scale when shrinking). ffmpeg's scaler
 * differs from it by up to 19/255, so the policy's frames are resized here. Pure.
 */
import { createBlendRows } from "./blendRows.ts";

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
  const stride = inWidthPx * 3;
  // Input, weights of the rows, one blended row; a row ends within eight columns of its neighbour.
  const weightsAt = roundUp(inHeightPx * stride + 8);
  const rowAt = weightsAt + down.weights.byteLength;
  const { memory, blendRows } = createBlendRows(rowAt + roundUp(stride) * 8);
  const input = new Uint8Array(memory, 0, inHeightPx * stride);
  new Float64Array(memory, weightsAt).set(down.weights);
  const row = new Float64Array(memory, rowAt, stride);
  return {
    resize(pixels_HW3, out = new Uint8Array(outHeightPx * outWidthPx * 3)) {
      expectLength(pixels_HW3, input.length, "input");
      expectLength(out, outHeightPx * outWidthPx * 3, "output");
      input.set(pixels_HW3);
      // A clamped array rounds half to even, as torch.round does.
      const clamped = new Uint8ClampedArray(out.buffer, out.byteOffset, out.length);
      for (let y = 0; y < outHeightPx; y++) {
        const weights = weightsAt + y * down.taps * 8;
        blendRows((down.starts[y] ?? 0) * stride, stride, down.counts[y] ?? 0, weights, rowAt, stride);
        blendAcross(row, clamped, y * outWidthPx * 3, across);
      }
      return out;
    },
  };
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
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
