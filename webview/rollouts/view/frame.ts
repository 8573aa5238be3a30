import { clearCanvas, element, setAttribute, setHidden, setText, whenChanged } from "../../dom.ts";
import { onDidChangeTheme, themeColor } from "../../theme.ts";
import { formatTime, plural } from "../format.ts";
import { containsTime } from "../geometry.ts";
import { positionTimeSec } from "../groupModel.ts";
import type { CompletionView, GroupView } from "../groupModel.ts";
import { drawOverlay, overlayShapes } from "../overlay.ts";
import type { OverlayColors, OverlayShape } from "../overlay.ts";
import { currentFrame, currentTimeSec, shownCompletion, shownFrames, shownGroup } from "../state.ts";
import type { FrameUris } from "../state.ts";
import type { View } from "./view.ts";

/** The frame at the playhead as the policy saw it, with the boxes over it; `transport` stands beside its time. */
export function createFrame(transport: HTMLElement): View {
  const image = element("img", { class: "frame-image", attributes: { alt: "" } });
  const canvas = element("canvas", { class: "frame-overlay", attributes: { "aria-hidden": "true" } });
  const message = element("p", { class: "frame-message" });
  const box = element("div", { class: "frame" }, [image, canvas, message]);
  const position = element("p", { class: "frame-position" });
  const legend = element("p", { class: "legend" });
  const seen = element("p", { class: "frame-facts" });
  const node = element("div", { class: "player" }, [
    box,
    element("div", { class: "frame-caption" }, [position, transport]),
    element("div", { class: "frame-caption" }, [seen, legend]),
  ]);
  let shapes: readonly OverlayShape[] = [];
  const redraw = (): void => drawShapes(canvas, shapes);
  new ResizeObserver(redraw).observe(box);
  onDidChangeTheme(redraw);
  explainLoading(image, message);

  const renderGroup = whenChanged((group: GroupView | null) => {
    const video = group?.record.video ?? null;
    setHidden(node, group !== null && video === null);
    if (video === null) return;
    box.style.setProperty("--frame-aspect", String(video.widthPx / Math.max(1, video.heightPx)));
    const name = video.path.split(/[\\/]/).at(-1) ?? video.path;
    const frames = `${plural(video.timestampsSec.length, "frame")} of ${video.widthPx} × ${video.heightPx} px`;
    setText(seen, [name, frames, plural(video.visualTokens, "visual token")].join(" · "));
    seen.title = `What the policy saw of ${video.path} (${video.sourceWidthPx} × ${video.sourceHeightPx} px)`;
  });
  const renderImage = whenChanged((frames: FrameUris | null, index: number) => {
    const uri = frames?.uris[index];
    if (uri === undefined) {
      image.hidden = true;
      image.removeAttribute("src");
      setText(message, frames === null ? "Loading frames…" : (frames.reason ?? "There is no frame at this time."));
    } else if (image.getAttribute("src") !== uri) image.src = uri;
  });
  const renderShapes = whenChanged((...args: Parameters<typeof overlayShapes>) => {
    shapes = overlayShapes(...args);
    canvas.dataset["boxes"] = shapes.map((shape) => shape.role).join(" ");
    const [group, selected, timeSec] = args;
    legend.replaceChildren(...legendOf(shapes, selected, positionTimeSec(group, timeSec)));
    redraw();
  });
  return {
    node,
    render: (state) => {
      const group = shownGroup(state);
      const selected = shownCompletion(state);
      const index = currentFrame(state);
      const timeSec = currentTimeSec(state);
      renderGroup(group);
      renderImage(shownFrames(state), index);
      if (group !== null) renderShapes(group, selected, timeSec, state.highlight);
      const text = group === null ? "" : positionText(group, selected, index, timeSec);
      setText(position, text);
      setAttribute(image, "alt", text);
    },
  };
}

/** A frame that does not load is said, never left as a broken picture. */
function explainLoading(image: HTMLImageElement, message: HTMLElement): void {
  image.addEventListener("error", () => {
    image.hidden = true;
    setText(message, "This frame could not be loaded.");
  });
  image.addEventListener("load", () => {
    image.hidden = false;
    setText(message, "");
  });
}

function positionText(group: GroupView, selected: CompletionView | null, index: number, timeSec: number): string {
  const frameSec = group.timestampsSec[index] ?? 0;
  const parts = [formatTime(frameSec), `frame ${index + 1} of ${group.timestampsSec.length}`];
  if (containsTime(group.truthSegments, timeSec)) parts.push("in truth");
  if (selected !== null && containsTime(selected.segments, timeSec)) parts.push(`in rollout ${selected.k + 1}`);
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
    has("truth") ? entry("truth", "Truth") : null,
    prediction === undefined ? null : entry(prediction.tone, `Rollout ${(selected?.k ?? 0) + 1}`),
    has("ghost") ? entry("ghost", "Others") : null,
    // A track has fewer positions than the clip has frames: these boxes may belong to a neighbouring frame.
    positionSec === null ? null : element("span", { text: `Boxes of ${formatTime(positionSec)}` }),
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
