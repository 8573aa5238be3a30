import { t } from "@vscode/l10n";
import type { ViewerRun } from "../../../src/protocol/view.ts";
import { clearCanvas, element, setAttribute, setHidden, setText, setTitle, whenChanged } from "../../dom.ts";
import { onDidChangeTheme, themeColor } from "../../theme.ts";
import { reuseEqual } from "../equality.ts";
import { formatNumber } from "../format.ts";
import { clamp } from "../geometry.ts";
import type { ViewerState } from "../state.ts";
import type { Dispatch, View } from "./view.ts";

const insetPx = 4;

/** What the sparkline shows. */
interface Curve {
  readonly steps: readonly number[];
  /** Mean reward of each step; null where it is not known. */
  readonly rewards: readonly (number | null)[];
  /** Index of the selected step; -1 for none. */
  readonly selected: number;
}

/** Sparkline of the mean reward: a slider over the steps that have rollouts. */
export function createRewardCurve(dispatch: Dispatch): View {
  const canvas = element("canvas", { class: "curve-canvas", attributes: { "aria-hidden": "true" } });
  const name = t("Step, by mean reward");
  const slider = element("div", { class: "curve", role: "slider", label: name, tabIndex: 0 }, [canvas]);
  const value = element("span", { class: "curve-value" });
  const node = element("div", { class: "curve-box" }, [
    element("span", { class: "curve-name", text: t("Reward") }),
    slider,
    value,
  ]);
  node.hidden = true;
  let curve: Curve = { steps: [], rewards: [], selected: -1 };

  const redraw = (): void => drawCurve(canvas, curve);
  const showValue = (index: number): void => {
    const reward = curve.rewards[index] ?? null;
    setText(value, reward === null ? "–" : formatNumber(reward));
    setTitle(slider, valueText(curve, index));
  };
  const pick = (index: number): void => {
    const step = curve.steps[index];
    if (step !== undefined && index !== curve.selected) dispatch({ kind: "selectStep", step });
  };
  new ResizeObserver(redraw).observe(slider);
  onDidChangeTheme(redraw);
  listen(slider, () => curve, pick, showValue);

  const renderRun = whenChanged((run: ViewerRun | null, step: number | null) => {
    const steps = run?.rolloutSteps ?? [];
    const selected = step === null ? -1 : steps.indexOf(step);
    const next = reuseEqual(curve, { steps, rewards: run?.rewards ?? [], selected });
    if (next === curve) return;
    curve = next;
    setHidden(node, steps.length === 0);
    setAttribute(slider, "aria-valuemin", String(steps[0] ?? 0));
    setAttribute(slider, "aria-valuemax", String(steps.at(-1) ?? 0));
    setAttribute(slider, "aria-valuenow", String(step ?? 0));
    setAttribute(slider, "aria-valuetext", valueText(curve, selected));
    showValue(selected);
    redraw();
  });
  return { node, render: (state: ViewerState) => renderRun(state.run, state.selection?.step ?? null) };
}

function listen(
  slider: HTMLElement,
  curve: () => Curve,
  pick: (index: number) => void,
  showValue: (index: number) => void,
): void {
  const indexAt = (event: PointerEvent): number => {
    const bounds = slider.getBoundingClientRect();
    const fraction = (event.clientX - bounds.left - insetPx) / Math.max(1, bounds.width - 2 * insetPx);
    return Math.round(clamp(fraction, 0, 1) * (curve().steps.length - 1));
  };
  slider.addEventListener("pointerdown", (event) => {
    slider.setPointerCapture(event.pointerId);
    pick(indexAt(event));
  });
  slider.addEventListener("pointermove", (event) => {
    if (slider.hasPointerCapture(event.pointerId)) pick(indexAt(event));
    else showValue(indexAt(event));
  });
  slider.addEventListener("pointerleave", () => showValue(curve().selected));
  slider.addEventListener("keydown", (event) => {
    const index = movedIndex(event.key, curve().selected, curve().steps.length);
    if (index === null) return;
    event.preventDefault();
    pick(index);
  });
}

function valueText({ steps, rewards }: Curve, index: number): string {
  const reward = rewards[index] ?? null;
  return t(
    "Step {0}, mean reward {1}",
    steps[index] ?? "–",
    reward === null ? t("not known yet") : formatNumber(reward),
  );
}

/** The index a standard slider key leads to; null for other keys. */
function movedIndex(key: string, index: number, count: number): number | null {
  const page = Math.max(1, Math.round(count / 10));
  const moves: Readonly<Record<string, number>> = {
    ArrowLeft: index - 1,
    ArrowDown: index - 1,
    ArrowRight: index + 1,
    ArrowUp: index + 1,
    PageDown: index - page,
    PageUp: index + page,
    Home: 0,
    End: count - 1,
  };
  const moved = moves[key];
  return moved === undefined || count === 0 ? null : clamp(moved, 0, count - 1);
}

function drawCurve(canvas: HTMLCanvasElement, { rewards: series, selected }: Curve): void {
  const cleared = clearCanvas(canvas);
  if (cleared === null) return;
  const { context, width, height } = cleared;
  const known = series.filter((reward) => reward !== null);
  const low = Math.min(...known);
  const range = Math.max(...known) - low;
  const x = (index: number): number =>
    series.length < 2 ? width / 2 : insetPx + (index / (series.length - 1)) * (width - 2 * insetPx);
  const y = (reward: number): number =>
    range > 0 ? height - insetPx - ((reward - low) / range) * (height - 2 * insetPx) : height / 2;
  const marker = x(selected);
  if (selected >= 0) {
    context.fillStyle = themeColor("--rft-playhead");
    context.fillRect(Math.round(marker) - 0.5, 0, 1, height);
  }
  context.strokeStyle = themeColor("--rft-curve");
  context.lineWidth = 1.25;
  context.lineJoin = "round";
  context.beginPath();
  series.forEach((reward, index) => {
    if (reward !== null) context.lineTo(x(index), y(reward));
  });
  context.stroke();
  const reward = series[selected];
  if (reward === null || reward === undefined) return;
  context.fillStyle = themeColor("--rft-playhead");
  context.beginPath();
  context.arc(marker, y(reward), 3, 0, 2 * Math.PI);
  context.fill();
}
