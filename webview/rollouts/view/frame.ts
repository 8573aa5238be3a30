import { t } from "@vscode/l10n";
import type { ViewerEvidence } from "../../../src/protocol/view.ts";
import { clearCanvas, element, setAttribute, setHidden, setText, setTitle, whenChanged } from "../../dom.ts";
import { onDidChangeTheme, themeColor } from "../../theme.ts";
import { formatTime } from "../format.ts";
import { containsTime } from "../geometry.ts";
import { positionTimeSec } from "../groupModel.ts";
import type { CompletionView, GroupView } from "../groupModel.ts";
import { drawOverlay, overlayShapes } from "../overlay.ts";
import type { OverlayColors, OverlayShape } from "../overlay.ts";
import { currentFrame, currentTimeSec, shownCompletion, shownFrames, shownGroup } from "../state.ts";
import type { FrameUris, Highlight, ViewerState } from "../state.ts";
import { dragBoxes } from "./boxDrag.ts";
import { pointAtBoxes } from "./boxPointing.ts";
import type { Dispatch, View } from "./view.ts";

type ShapeArgs = readonly [
  group: GroupView,
  selected: CompletionView | null,
  timeSec: number,
  highlight: Highlight | null,
  evidence: ViewerEvidence | null,
  areOthersShown: boolean,
];

/** The frame at the playhead as the policy saw it, with the boxes over it; `transport` stands beside its time. */
export function createFrame(transport: HTMLElement, dispatch: Dispatch): View {
  const { node, box, image, canvas, message, position, legend, others } = createParts(transport);
  others.addEventListener("click", () => dispatch({ kind: "action", action: "toggleBoxes" }));
  let shapes: readonly OverlayShape[] = [];
  let shown: ViewerState | null = null;
  const redraw = (): void => drawShapes(canvas, shapes);
  new ResizeObserver(redraw).observe(box);
  onDidChangeTheme(redraw);
  explainLoading(image, message);
  const current = (): ViewerState | null => shown;
  dragBoxes(box, current, dispatch);
  pointAtBoxes(box, () => shapes, current, dispatch);

  const renderGroup = whenChanged((group: GroupView | null) => {
    const video = group?.record.video ?? null;
    setHidden(node, group !== null && video === null);
    if (video === null) return;
    box.style.setProperty("--frame-aspect", String(video.widthPx / Math.max(1, video.heightPx)));
  });
  const renderImage = whenChanged((frames: FrameUris | null, index: number) => {
    const uri = frames?.uris[index];
    if (uri === undefined) {
      image.hidden = true;
      image.removeAttribute("src");
      setText(
        message,
        frames === null ? t("Loading frames…") : (frames.reason ?? t("There is no frame at this time.")),
      );
    } else if (image.getAttribute("src") !== uri) image.src = uri;
  });
  const renderShapes = whenChanged((...args: ShapeArgs) => {
    const [group, selected, timeSec, highlight, evidence, areOthersShown] = args;
    shapes = overlayShapes(group, selected, timeSec, { highlight, evidence, areOthersShown });
    canvas.dataset["boxes"] = shapes.map((shape) => shape.role).join(" ");
    legend.replaceChildren(...legendOf(shapes, selected, positionTimeSec(group, selected, timeSec)));
    setHidden(others, group.truthBoxes.length === 0 && group.completions.every(({ boxes }) => boxes.length === 0));
    setText(others, group.isNamed ? t("All answers") : t("All rollouts"));
    setTitle(others, group.isNamed ? t("Draw the boxes of all answers") : t("Draw the boxes of all rollouts"));
    setAttribute(others, "aria-pressed", String(areOthersShown));
    redraw();
  });
  return {
    node,
    render: (state) => {
      const group = shownGroup(state);
      const selected = shownCompletion(state);
      const index = currentFrame(state);
      const timeSec = currentTimeSec(state);
      shown = state;
      renderGroup(group);
      renderImage(shownFrames(state), index);
      if (group !== null) {
        renderShapes(group, selected, timeSec, state.highlight, state.evidence, state.areBoxesShown);
      }
      const text = group === null ? "" : positionText(group, selected, index, timeSec);
      setText(position, text);
      setAttribute(image, "alt", text);
    },
  };
}

function createParts(transport: HTMLElement) {
  const image = element("img", { class: "frame-image", attributes: { alt: "" } });
  const canvas = element("canvas", { class: "frame-overlay", attributes: { "aria-hidden": "true" } });
  const message = element("p", { class: "frame-message" });
  const box = element("div", { class: "frame" }, [image, canvas, message]);
  const position = element("p", { class: "frame-position" });
  const legend = element("p", { class: "legend" });
  const others = element("button", { class: "legend-toggle" });
  const node = element("div", { class: "player" }, [
    box,
    element("div", { class: "frame-caption" }, [position, transport]),
    element("div", { class: "legend-row" }, [legend, others]),
  ]);
  return { node, box, image, canvas, message, position, legend, others };
}

/** A frame that does not load is said, never left as a broken picture. */
function explainLoading(image: HTMLImageElement, message: HTMLElement): void {
  image.addEventListener("error", () => {
    image.hidden = true;
    setText(message, t("This frame could not be loaded."));
  });
  image.addEventListener("load", () => {
    image.hidden = false;
    setText(message, "");
  });
}

function positionText(group: GroupView, selected: CompletionView | null, index: number, timeSec: number): string {
  const frameSec = group.timestampsSec[index] ?? 0;
  const parts = [formatTime(frameSec), t("frame {0} of {1}", index + 1, group.timestampsSec.length)];
  if (containsTime(group.truthSegments, timeSec)) parts.push(t("in truth"));
  if (selected !== null && containsTime(selected.segments, timeSec))
    parts.push(group.isNamed ? t("in {0}", selected.name.title) : t("in rollout {0}", selected.k + 1));
  return parts.join(" · ");
}

function legendOf(
  shapes: readonly OverlayShape[],
  selected: CompletionView | null,
  positionSec: number | null,
): readonly HTMLElement[] {
  const has = (role: OverlayShape["role"]): boolean => shapes.some((shape) => shape.role === role);
  const entry = (kind: string, text: string): HTMLElement =>
    element("span", { class: "legend-entry" }, [
      element("span", { class: `legend-line legend-${kind}`, attributes: { "aria-hidden": "true" } }),
      element("span", { text }),
    ]);
  const prediction = shapes.find((shape) => shape.role === "prediction");
  return [
    has("truth") ? entry("truth", t("Truth")) : null,
    prediction === undefined ? null : entry(prediction.tone, selected?.name.title ?? ""),
    has("ghost") ? entry("ghost", t("Others")) : null,
    // A track has fewer positions than the clip has frames: these boxes may belong to a neighbouring frame.
    positionSec === null ? null : element("span", { text: t("Boxes of {0}", formatTime(positionSec)) }),
  ].filter((node) => node !== null);
}

function drawShapes(canvas: HTMLCanvasElement, shapes: readonly OverlayShape[]): void {
  const cleared = clearCanvas(canvas);
  if (cleared === null || shapes.length === 0) return;
  const { context, width, height } = cleared;
  drawOverlay(context, shapes, width, height, overlayColors());
}

function overlayColors(): OverlayColors {
  return {
    truth: themeColor("--rft-truth"),
    highlight: themeColor("--rft-highlight"),
    halo: themeColor("--rft-halo"),
    tones: {
      positive: themeColor("--rft-positive"),
      negative: themeColor("--rft-negative"),
      neutral: themeColor("--rft-neutral"),
    },
  };
}
