/**
 * Consecutive layers of the decoder that are one graph. What a graph holds between its forward and its backward pass grows
 * with its layers, so a decoder that does not fit is cut: the forward pass keeps only the hidden states before each segment,
 * and the backward pass takes the segments from the last to the first, each graph computing its forward pass again
 * (activation recomputation; Chen et al. 2016, arXiv 1604.06174). In one graph that saves nothing: onnxruntime orders nodes
 * as it likes.
 *
 * A graph numbers its layers from 0, so all segments of one size share it; its weights are fed by their own numbers.
 */
export interface Segment {
  readonly first: number;
  readonly count: number;
}

/** The decoder in segments of at most `most` layers: as few as can be, of one size but for the last. */
export function cutLayers(layers: number, most: number): readonly Segment[] {
  const count = Math.ceil(layers / Math.ceil(layers / Math.max(1, Math.min(most, layers))));
  return Array.from({ length: Math.ceil(layers / count) }, (_, i) => ({
    first: i * count,
    count: Math.min(count, layers - i * count),
  }));
}

/** Name in the policy of a weight that a segment's graph reads. */
export function nameInPolicy(name: string, firstLayer: number): string {
  if (firstLayer === 0) return name;
  return name.replace(/^model\.layers\.(\d+)/, (_, layer: string) => `model.layers.${Number(layer) + firstLayer}`);
}
