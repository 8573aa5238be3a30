import type { BoundingBox } from "../../src/protocol/tasks.ts";
import type { ViewerEvidence } from "../../src/protocol/view.ts";
import { evidenceBoxes } from "./evidence.ts";
import type { EvidenceRole } from "./evidence.ts";
import { boxAt } from "./groupModel.ts";
import type { CompletionView, GroupView } from "./groupModel.ts";
import type { Highlight } from "./state.ts";

export type OverlayRole = "ghost" | "truth" | "prediction" | "highlight" | `evidence-${EvidenceRole}`;

export interface OverlayShape {
  readonly role: OverlayRole;
  readonly box: BoundingBox;
  /** Which colour a completion's box takes: the sign of its advantage. */
  readonly tone: Tone;
}

/** What is drawn beside truth and prediction. */
export interface OverlayExtras {
  readonly highlight: Highlight | null;
  readonly evidence: ViewerEvidence | null;
  readonly areOthersShown: boolean;
}

export type Tone = "positive" | "negative" | "neutral";

/** The boxes to draw at a time, from back to front: other completions, the selected one, truth, the box of a mention. Truth is
 * dashed and on top, so that both are seen when they coincide. */
export function overlayShapes(
  group: GroupView,
  selected: CompletionView | null,
  timeSec: number,
  extras: OverlayExtras,
): readonly OverlayShape[] {
  const { highlight, evidence, areOthersShown } = extras;
  const shapes: OverlayShape[] = [];
  const add = (role: OverlayRole, box: BoundingBox | null, tone: Tone): void => {
    if (box !== null) shapes.push({ role, box, tone });
  };
  for (const completion of group.completions) {
    if (completion !== selected && areOthersShown) add("ghost", boxAt(completion.boxes, timeSec), toneOf(completion));
  }
  if (selected !== null) add("prediction", boxAt(selected.boxes, timeSec), toneOf(selected));
  add("truth", boxAt(group.truthBoxes, timeSec), "neutral");
  for (const { role, box } of evidenceBoxes(evidence, group, timeSec)) add(`evidence-${role}`, box, "neutral");
  // A box that is pointed at in the picture is drawn already.
  if (highlight?.kind === "box" && highlight.source === "text") add("highlight", highlight.box, "neutral");
  return shapes;
}

/**
 * The drawn box of a completion that holds a point of the frame, from 0 to 1 across and down: the selected completion's,
 * else the smallest.
 */
export function predictionUnder(shapes: readonly OverlayShape[], x: number, y: number): BoundingBox | null {
  const rank = ({ role, box }: OverlayShape): number =>
    role === "prediction" ? 0 : (box.x1 - box.x0) * (box.y1 - box.y0);
  const [first] = shapes
    .filter(({ role }) => role === "prediction" || role === "ghost")
    .filter(({ box }) => x >= box.x0 && x <= box.x1 && y >= box.y0 && y <= box.y1)
    .sort((a, b) => rank(a) - rank(b));
  return first?.box ?? null;
}

export function toneOf(completion: CompletionView): Tone {
  return completion.name.tone;
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
    if (style.fillAlpha !== undefined) {
      context.globalAlpha = style.fillAlpha;
      context.fillStyle = strokeColor(shape, colors);
      context.fillRect(...rect);
      context.globalAlpha = style.alpha;
    }
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
  readonly fillAlpha?: number;
}

const lineStyles: Readonly<Record<OverlayRole, LineStyle>> = {
  ghost: { widthPx: 1, dashPx: [], alpha: 0.7, hasHalo: false },
  truth: { widthPx: 2, dashPx: [6, 4], alpha: 1, hasHalo: true },
  prediction: { widthPx: 2, dashPx: [], alpha: 1, hasHalo: true },
  highlight: { widthPx: 2, dashPx: [2, 2], alpha: 1, hasHalo: true },
  "evidence-truth": { widthPx: 3, dashPx: [6, 4], alpha: 1, hasHalo: true },
  "evidence-answer": { widthPx: 3, dashPx: [], alpha: 1, hasHalo: true },
  "evidence-shared": { widthPx: 1, dashPx: [], alpha: 1, hasHalo: false, fillAlpha: 0.4 },
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
  if (shape.role === "truth" || shape.role === "evidence-truth") return colors.truth;
  const isTone = shape.role === "ghost" || shape.role === "prediction";
  return isTone ? colors.tones[shape.tone] : colors.highlight;
}
