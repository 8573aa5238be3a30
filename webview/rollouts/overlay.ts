import type { BoundingBox } from "../../src/protocol/tasks.ts";
import { boxAt } from "./groupModel.ts";
import type { CompletionView, GroupView } from "./groupModel.ts";
import type { Highlight } from "./state.ts";

export type OverlayRole = "ghost" | "truth" | "prediction" | "highlight";

export interface OverlayShape {
  readonly role: OverlayRole;
  readonly box: BoundingBox;
  /** Sign of the advantage: which colour a completion's box takes. */
  readonly tone: Tone;
}

export type Tone = "positive" | "negative" | "neutral";

/** The boxes to draw at a time, from back to front: other completions, the selected one, truth, a hovered box. Truth is
 * dashed and on top, so that both are seen when they coincide. */
export function overlayShapes(
  group: GroupView,
  selected: CompletionView | null,
  timeSec: number,
  highlight: Highlight | null,
): readonly OverlayShape[] {
  const shapes: OverlayShape[] = [];
  const add = (role: OverlayRole, box: BoundingBox | null, tone: Tone): void => {
    if (box !== null) shapes.push({ role, box, tone });
  };
  for (const completion of group.completions) {
    if (completion !== selected) add("ghost", boxAt(completion.boxes, timeSec), toneOf(completion));
  }
  if (selected !== null) add("prediction", boxAt(selected.boxes, timeSec), toneOf(selected));
  add("truth", boxAt(group.truthBoxes, timeSec), "neutral");
  if (highlight?.kind === "box") add("highlight", highlight.box, "neutral");
  return shapes;
}

export function toneOf(completion: CompletionView): Tone {
  if (completion.record.advantage > 0) return "positive";
  return completion.record.advantage < 0 ? "negative" : "neutral";
}

export interface OverlayColors {
  readonly truth: string;
  readonly highlight: string;
  readonly halo: string;
  readonly tones: Readonly<Record<Tone, string>>;
}

/** Draws onto a context whose unit is the CSS pixel. A dark halo keeps the lines that matter readable on any frame. */
export function drawOverlay(
  context: CanvasRenderingContext2D,
  shapes: readonly OverlayShape[],
  widthPx: number,
  heightPx: number,
  colors: OverlayColors,
): void {
  context.clearRect(0, 0, widthPx, heightPx);
  for (const shape of shapes) {
    const style = lineStyles[shape.role];
    const rect = strokeRect(shape.box, widthPx, heightPx, style.widthPx);
    context.globalAlpha = style.alpha;
    context.setLineDash(style.dashPx);
    if (style.hasHalo) {
      context.lineWidth = style.widthPx + 2;
      context.strokeStyle = colors.halo;
      context.strokeRect(...rect);
    }
    context.lineWidth = style.widthPx;
    context.strokeStyle = strokeColor(shape, colors);
    context.strokeRect(...rect);
  }
  context.globalAlpha = 1;
}

interface LineStyle {
  readonly widthPx: number;
  readonly dashPx: number[];
  readonly alpha: number;
  readonly hasHalo: boolean;
}

const lineStyles: Readonly<Record<OverlayRole, LineStyle>> = {
  ghost: { widthPx: 1, dashPx: [], alpha: 0.7, hasHalo: false },
  truth: { widthPx: 2, dashPx: [6, 4], alpha: 1, hasHalo: true },
  prediction: { widthPx: 2, dashPx: [], alpha: 1, hasHalo: true },
  highlight: { widthPx: 2, dashPx: [2, 2], alpha: 1, hasHalo: true },
};

/** x, y, width and height of a stroke on whole pixels, so that thin lines stay sharp. */
function strokeRect(
  box: BoundingBox,
  widthPx: number,
  heightPx: number,
  lineWidthPx: number,
): [number, number, number, number] {
  const shift = (lineWidthPx % 2) / 2;
  const [left, top, right, bottom] = [box.x0 * widthPx, box.y0 * heightPx, box.x1 * widthPx, box.y1 * heightPx].map(
    Math.round,
  );
  if (left === undefined || top === undefined || right === undefined || bottom === undefined) {
    throw new Error("internal: a box has four sides");
  }
  return [left + shift, top + shift, right - left, bottom - top];
}

function strokeColor(shape: OverlayShape, colors: OverlayColors): string {
  if (shape.role === "truth") return colors.truth;
  return shape.role === "highlight" ? colors.highlight : colors.tones[shape.tone];
}
