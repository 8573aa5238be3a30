import type { RolloutTable } from "./rolloutTable.ts";
import type { ColumnRange } from "./rowFilter.ts";

export interface Histogram {
  readonly column: string;
  /** Edges of the bins, one more than there are bins. */
  readonly edges: readonly number[];
  /** One for all rows, or one a dataset. */
  readonly rows: readonly HistogramRow[];
  /** Rows that have no value in this column. */
  readonly missing: number;
}

export interface HistogramRow {
  /** null for all datasets together. */
  readonly dataset: string | null;
  readonly counts: readonly number[];
  readonly total: number;
  readonly mean: number | null;
}

/** Bins of a column over the rows of a mask; the edges hold for the whole run, so that they stay while rows are filtered. */
export function histogramOf(
  table: RolloutTable,
  column: string,
  mask: Uint8Array,
  options: { readonly byDataset: boolean; readonly maxBins: number },
): Histogram {
  const values = table.columns.get(column) ?? new Float32Array(table.count).fill(NaN);
  const edges = edgesOf(values, options.maxBins);
  const bins = edges.length - 1;
  const kinds = options.byDataset ? table.datasets.length : 1;
  const counts_DB = new Uint32Array(kinds * bins);
  const sums_D = new Float64Array(kinds);
  const [low = 0, second = 1] = edges;
  const width = second - low;
  let missing = 0;
  for (const { firstRow, size, dataset } of table.groups) {
    const kind = options.byDataset ? dataset : 0;
    for (let row = firstRow; row < firstRow + size; row += 1) {
      if (mask[row] === 0) continue;
      const value = values[row] ?? NaN;
      if (Number.isNaN(value)) missing += 1;
      else {
        const at = kind * bins + binOf(value, low, width, edges);
        counts_DB[at] = (counts_DB[at] ?? 0) + 1;
        sums_D[kind] = (sums_D[kind] ?? 0) + value;
      }
    }
  }
  const rows = Array.from({ length: kinds }, (_, kind) => {
    const counts = [...counts_DB.subarray(kind * bins, (kind + 1) * bins)];
    const total = counts.reduce((sum, count) => sum + count, 0);
    const dataset = options.byDataset ? (table.datasets[kind] ?? null) : null;
    return { dataset, counts, total, mean: total === 0 ? null : (sums_D[kind] ?? 0) / total };
  });
  return { column, edges, rows, missing };
}

/** The range that a bin stands for. */
export function binRange({ column, edges }: Histogram, bin: number): ColumnRange {
  const [low = NaN, high = NaN] = [edges[bin], edges[bin + 1]];
  return { column, low, high, isLast: bin === edges.length - 2 };
}

/** Bins that a range covers: first and one past the last; null when it covers none whole. */
export function coveredBins(
  { edges }: Histogram,
  range: ColumnRange,
): { readonly from: number; readonly to: number } | null {
  const from = edges.findIndex((edge) => Math.abs(edge - range.low) < 1e-9);
  const to = edges.findIndex((edge) => Math.abs(edge - range.high) < 1e-9);
  return from < 0 || to <= from ? null : { from, to };
}

/** Round edges from the smallest to the largest value: at most `maxBins` bins whose width is 1, 2, 2.5 or 5 of a power of ten. */
function edgesOf(values: Float32Array, maxBins: number): readonly number[] {
  let [low, high] = [Infinity, -Infinity];
  for (let row = 0; row < values.length; row += 1) {
    const value = values[row] ?? NaN;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (!Number.isFinite(low)) return [0, 1];
  // Float32 noise must not open a bin of its own.
  low = Number(low.toPrecision(6));
  high = Number(high.toPrecision(6));
  const width = roundWidth(Math.max((high - low) / maxBins, Math.abs(high) * 1e-6, 1e-6), maxBins, low, high);
  const first = Math.floor(low / width + 1e-6);
  const last = Math.max(first + 1, Math.ceil(high / width - 1e-6));
  // Values are float32, so an edge is one too: 0.7 must not lie below its own edge.
  return Array.from({ length: last - first + 1 }, (_, at) =>
    Math.fround(Number(((first + at) * width).toPrecision(9))),
  );
}

function roundWidth(atLeast: number, maxBins: number, low: number, high: number): number {
  for (let power = Math.floor(Math.log10(atLeast)); ; power += 1) {
    for (const factor of [1, 2, 2.5, 5]) {
      const width = factor * 10 ** power;
      const bins = Math.ceil(high / width - 1e-6) - Math.floor(low / width + 1e-6);
      if (bins <= maxBins) return width;
    }
  }
}

function binOf(value: number, low: number, width: number, edges: readonly number[]): number {
  const bins = edges.length - 1;
  let bin = Math.min(bins - 1, Math.max(0, Math.floor((value - low) / width)));
  // The division may fall on the other side of an edge; filters compare with the edges themselves.
  if (value < (edges[bin] ?? low) && bin > 0) bin -= 1;
  else if (value >= (edges[bin + 1] ?? Infinity) && bin < bins - 1) bin += 1;
  return bin;
}
