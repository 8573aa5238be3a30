import type { ViewerRun } from "../../../src/protocol/view.ts";
import { element, setAttribute, setHidden, setText, setTitle, whenChanged } from "../../dom.ts";
import { onDidChangeTheme, themeColor } from "../../theme.ts";
import { reuseEqual } from "../equality.ts";
import { formatNumber } from "../format.ts";
import { clamp } from "../geometry.ts";
import { rewardSeries } from "../runStatus.ts";
import type { ViewerState } from "../state.ts";
import type { Dispatch, View } from "./view.ts";

const insetPx = 4;

/** Sparkline of the mean reward: a slider over the steps that have rollouts. */
export function createRewardCurve(dispatch: Dispatch): View {
  const canvas = element("canvas", { class: "curve-canvas", attributes: { "aria-hidden": "true" } });
  const slider = element("div", { class: "curve", role: "slider", label: "Step, by mean reward", tabIndex: 0 }, [canvas]);
  const value = element("span", { class: "curve-value" });
  const node = element("div", { class: "curve-box" }, [
    element("span", { class: "curve-name", text: "Reward" }),
    slider,
    value,
  ]);
  let steps: readonly number[] = [];
  let series: readonly (number | null)[] = [];
  let selected = -1;
  node.hidden = true;

  const redraw = (): void => drawCurve(canvas, series, selected);
  new ResizeObserver(redraw).observe(slider);
  onDidChangeTheme(redraw);
  slider.addEventListener("pointerdown", (event) => {
    slider.setPointerCapture(event.pointerId);
    pick(event);
  });
  slider.addEventListener("pointermove", (event) => {
    if (slider.hasPointerCapture(event.pointerId)) pick(event);
    else showValue(indexAt(event));
  });
  slider.addEventListener("pointerleave", () => showValue(selected));
  slider.addEventListener("keydown", (event) => {
    const index = movedIndex(event.key, selected, steps.length);
    const step = index === null ? undefined : steps[index];
    if (step === undefined) return;
    event.preventDefault();
    dispatch({ kind: "selectStep", step });
  });

  const renderRun = whenChanged((run: ViewerRun | null, step: number | null) => {
    const nextSeries = reuseEqual(series, run === null ? [] : rewardSeries(run));
    const nextSelected = step === null ? -1 : (run?.rolloutSteps.indexOf(step) ?? -1);
    const isSame = nextSeries === series && nextSelected === selected;
    steps = run?.rolloutSteps ?? [];
    series = nextSeries;
    selected = nextSelected;
    if (isSame) return;
    setHidden(node, steps.length === 0);
    setAttribute(slider, "aria-valuemin", String(steps[0] ?? 0));
    setAttribute(slider, "aria-valuemax", String(steps.at(-1) ?? 0));
    setAttribute(slider, "aria-valuenow", String(step ?? 0));
    setAttribute(slider, "aria-valuetext", valueText(selected));
    showValue(selected);
    redraw();
  });
  return { node, render: (state: ViewerState) => renderRun(state.run, state.selection?.step ?? null) };

  function pick(event: PointerEvent): void {
    const step = steps[indexAt(event)];
    if (step !== undefined && steps.indexOf(step) !== selected) dispatch({ kind: "selectStep", step });
  }

  function indexAt(event: PointerEvent): number {
    const bounds = slider.getBoundingClientRect();
    const fraction = (event.clientX - bounds.left - insetPx) / Math.max(1, bounds.width - 2 * insetPx);
    return Math.round(clamp(fraction, 0, 1) * (steps.length - 1));
  }

  function showValue(index: number): void {
    const reward = series[index];
    setText(value, reward === null || reward === undefined ? "–" : formatNumber(reward));
    setTitle(slider, valueText(index));
  }

  function valueText(index: number): string {
    const reward = series[index];
    const rewardText = reward === null || reward === undefined ? "not known yet" : formatNumber(reward);
    return `Step ${steps[index] ?? "–"}, mean reward ${rewardText}`;
  }
}

/** The index a standard slider key leads to; null for other keys. */
export function movedIndex(key: string, index: number, count: number): number | null {
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

function drawCurve(canvas: HTMLCanvasElement, series: readonly (number | null)[], selected: number): void {
  const ratio = window.devicePixelRatio;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  if (context === null || width === 0) return;
  context.scale(ratio, ratio);
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
