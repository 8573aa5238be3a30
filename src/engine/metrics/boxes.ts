import type { BoundingBox } from "../../protocol/tasks.ts";

/**
 * IoU of two normalised boxes in [0, 1]. Both are clipped to the frame first, as the GOT-10k toolkit clips to the image
 * bounds; a box without area gives 0.
 */
export function boxIou(a: BoundingBox, b: BoundingBox): number {
  const left = clipBox(a);
  const right = clipBox(b);
  const width = Math.min(left.x1, right.x1) - Math.max(left.x0, right.x0);
  const height = Math.min(left.y1, right.y1) - Math.max(left.y0, right.y0);
  if (!(width > 0 && height > 0)) return 0;
  const intersection = width * height;
  const union = boxArea(left) + boxArea(right) - intersection;
  return union > 0 ? Math.min(1, intersection / union) : 0;
}

/**
 * IoU as the GOT-10k toolkit computes it (`rect_iou` with `bound`): the corner of each box is moved into the frame with its
 * width and height kept, then cut at the far side. It differs from `boxIou` only for boxes that begin outside the frame.
 */
export function got10kIou(a: BoundingBox, b: BoundingBox): number {
  return boxIou(boundAsToolkit(a), boundAsToolkit(b));
}

/** Area as a share of the frame; 0 when inverted. */
export function boxArea(box: BoundingBox): number {
  return Math.max(0, box.x1 - box.x0) * Math.max(0, box.y1 - box.y0);
}

function clipBox(box: BoundingBox): BoundingBox {
  return { x0: clip01(box.x0), y0: clip01(box.y0), x1: clip01(box.x1), y1: clip01(box.y1) };
}

function boundAsToolkit(box: BoundingBox): BoundingBox {
  const [x0, y0] = [clip01(box.x0), clip01(box.y0)];
  return { x0, y0, x1: Math.min(1, x0 + box.x1 - box.x0), y1: Math.min(1, y0 + box.y1 - box.y0) };
}

function clip01(value: number): number {
  return Math.min(1, Math.max(0, value));
}
