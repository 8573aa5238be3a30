import uPlot from "uplot";
import { themeColor } from "../theme.ts";
import type { ChartSpec } from "./chartTable.ts";
import { positiveOnly, smooth, type ChartData, type Point, type RunSeries } from "./series.ts";
import type { StepRange } from "./state.ts";
import { formatTick } from "./units.ts";

/** Pattern of each run's line, so that colour is not all that tells them apart. In CSS pixels. */
export const runDashes: readonly (readonly number[])[] = [[], [10, 3], [4, 3], [10, 3, 2, 3]];

export const plotHeightPx = 150;

/** What a plot shows beside its data. */
export interface PlotLook {
  readonly smoothing: number;
  readonly isLog: boolean;
  readonly zoom: StepRange | null;
}

export interface PlotEvents {
  /** The pointer is over a step; null: it has left. */
  readonly moved: (step: number | null) => void;
  /** A click at a step; `run` is the line that is nearest. */
  readonly picked: (step: number, run: number) => void;
  /** The user has dragged over steps; null: a double click. */
  readonly zoomed: (range: StepRange | null) => void;
}

/** One uPlot. Another number of runs, or another kind of axis, needs another one. */
export class Plot {
  private readonly plot: uPlot;
  private readonly spec: ChartSpec;
  private data: ChartData;
  private look: PlotLook;
  /** While the cursor is set from outside, moving it is no event. */
  private isSetting = false;

  constructor(box: HTMLElement, spec: ChartSpec, data: ChartData, look: PlotLook, events: PlotEvents) {
    this.spec = spec;
    this.data = data;
    this.look = look;
    this.plot = new uPlot(this.options(box, events), this.columns(), box);
    this.plot.over.addEventListener("click", () => {
      const { idx, top } = this.plot.cursor;
      const step = typeof idx === "number" ? this.data.steps[idx] : undefined;
      if (step !== undefined && typeof idx === "number") events.picked(step, this.nearestRun(idx, top ?? 0));
    });
  }

  show(data: ChartData, look: PlotLook): void {
    this.data = data;
    this.look = look;
    this.plot.setData(this.columns());
  }

  /** Draws the cursor at a step; null takes it away. */
  setCursor(step: number | null): void {
    this.isSetting = true;
    const left = step === null ? -10 : this.plot.valToPos(step, "x");
    if (Math.round(left) !== Math.round(this.plot.cursor.left ?? -10))
      this.plot.setCursor({ left, top: left < 0 ? -10 : 0 });
    this.isSetting = false;
  }

  resize(width: number): void {
    if (width > 0 && width !== this.plot.width) this.plot.setSize({ width, height: plotHeightPx });
  }

  redraw(): void {
    this.plot.redraw(false);
  }

  destroy(): void {
    this.plot.destroy();
  }

  /** The line whose value at the step is nearest to the pointer, of those that have one. */
  private nearestRun(index: number, top: number): number {
    const distances = this.data.runs.map(({ values }) => {
      const value = values[index];
      return typeof value === "number" ? Math.abs(this.plot.valToPos(value, "y") - top) : Infinity;
    });
    const least = Math.min(...distances);
    return least === Infinity ? 0 : distances.indexOf(least);
  }

  /** x, then for each run what is drawn faintly and what is drawn strongly; uPlot's gaps are null. */
  private columns(): uPlot.AlignedData {
    const { isLog } = this.look;
    // Scores are few, and each is a mean already.
    const smoothing = this.spec.source === "score" ? 0 : this.look.smoothing;
    const shown = (values: readonly Point[]): Point[] => [...(isLog ? positiveOnly(values) : values)];
    const raw = this.data.runs.map(({ values }) => (smoothing === 0 ? values.map(() => undefined) : shown(values)));
    const strong = this.data.runs.map(({ values }) => shown(smooth(values, smoothing)));
    return [[...this.data.steps], ...raw, ...strong];
  }

  private options(box: HTMLElement, events: PlotEvents): uPlot.Options {
    const { runs } = this.data;
    const line = (run: number, alpha: number): uPlot.Series => ({
      scale: "y",
      stroke: () => themeColor(`--rft-run-${run + 1}`),
      width: alpha < 1 ? 1 : 1.75,
      alpha,
      dash: alpha < 1 ? [] : [...(runDashes[run] ?? [])],
      points: { size: 5, fill: () => themeColor(`--rft-run-${run + 1}`) },
    });
    const axis: uPlot.Axis = {
      stroke: () => themeColor("--rft-muted"),
      grid: { stroke: () => themeColor("--rft-grid"), width: 1 },
      ticks: { show: false },
      font: `11px ${getComputedStyle(document.body).fontFamily}`,
    };
    const isWhole = (value: number): boolean => Number.isInteger(value);
    return {
      width: Math.max(1, box.clientWidth),
      height: plotHeightPx,
      padding: [8, 10, 0, 0],
      legend: { show: false },
      series: [{}, ...runs.map((_, run) => line(run, 0.35)), ...runs.map((_, run) => line(run, 1))],
      scales: {
        x: { time: false, range: (_, min, max) => this.stepRange(min, max) },
        y: this.look.isLog ? { distr: 3 } : { range: (_, min, max) => valueRange(min, max, this.data.runs) },
      },
      axes: [
        { ...axis, size: 24, gap: 3, values: (_, splits) => splits.map((v) => (isWhole(v) ? String(v) : "")) },
        {
          ...axis,
          size: 50,
          gap: 4,
          values: (_, splits) => splits.map((v) => (v === null ? "" : formatTick(v, this.spec.unit))),
        },
      ],
      cursor: {
        y: false,
        // A run that has no value at the step shows none.
        hover: { prox: 2 },
        points: {
          // Of the two lines of a run, the strong one.
          size: (_, series) => (series > runs.length ? 7 : 0),
          fill: (_, series) => themeColor(`--rft-run-${((series - 1) % runs.length) + 1}`),
        },
        drag: { x: true, y: false, setScale: false, dist: 5 },
        bind: {
          dblclick: () => () => {
            events.zoomed(null);
            return null;
          },
        },
      },
      hooks: {
        setCursor: [() => this.cursorMoved(events)],
        setSelect: [() => this.selected(events)],
        draw: [() => this.drawIntervals()],
      },
    };
  }

  private cursorMoved(events: PlotEvents): void {
    if (this.isSetting) return;
    const { idx, left } = this.plot.cursor;
    const isOver = typeof idx === "number" && left !== undefined && left >= 0;
    events.moved(isOver ? (this.data.steps[idx] ?? null) : null);
  }

  private selected(events: PlotEvents): void {
    const { left, width } = this.plot.select;
    if (width <= 0) return;
    const [from, to] = [this.plot.posToVal(left, "x"), this.plot.posToVal(left + width, "x")];
    this.plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    if (to - from >= 1) events.zoomed({ from, to });
  }

  private stepRange(min: number | null, max: number | null): uPlot.Range.MinMax {
    if (this.look.zoom !== null) return [this.look.zoom.from, this.look.zoom.to];
    if (min === null || max === null) return [0, 1];
    return min === max ? [min - 1, max + 1] : [min, max];
  }

  /** 95 % intervals of the scores, as whiskers. */
  private drawIntervals(): void {
    const { ctx, bbox } = this.plot;
    const ratio = uPlot.pxRatio;
    this.data.runs.forEach(({ low, high }, run) => {
      if (low === null || high === null) return;
      ctx.save();
      ctx.beginPath();
      // A whisker at the first or last step is half outside.
      ctx.rect(bbox.left - 2 * ratio, bbox.top, bbox.width + 4 * ratio, bbox.height);
      ctx.clip();
      ctx.beginPath();
      ctx.strokeStyle = themeColor(`--rft-run-${run + 1}`);
      ctx.lineWidth = ratio;
      this.data.steps.forEach((step, i) => {
        const [bottom, top] = [low[i], high[i]];
        if (typeof bottom !== "number" || typeof top !== "number") return;
        const x = Math.round(this.plot.valToPos(step, "x", true)) + 0.5;
        ctx.moveTo(x, this.plot.valToPos(bottom, "y", true));
        ctx.lineTo(x, this.plot.valToPos(top, "y", true));
      });
      ctx.stroke();
      ctx.restore();
    });
  }
}

/** Some room above and below what is drawn, intervals included; a flat line has its place in the middle. */
function valueRange(min: number | null, max: number | null, runs: readonly RunSeries[]): uPlot.Range.MinMax {
  if (min === null || max === null) return [0, 1];
  const ends = runs.flatMap(({ low, high }) => [...(low ?? []), ...(high ?? [])]).filter((v) => typeof v === "number");
  const [least, most] = [Math.min(min, ...ends), Math.max(max, ...ends)];
  if (least === most) return least === 0 ? [0, 1] : [least - Math.abs(least) / 2, most + Math.abs(most) / 2];
  const room = 0.08 * (most - least);
  // A quantity that is never negative has no room under 0.
  return [least >= 0 ? Math.max(0, least - room) : least - room, most + room];
}
