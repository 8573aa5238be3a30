import { t } from "@vscode/l10n";
import { element, setAttribute } from "../dom.ts";
import { onDidChangeTheme } from "../theme.ts";
import type { ChartSpec } from "./chartTable.ts";
import { movedStep } from "./cursorKeys.ts";
import { Plot, plotHeightPx, type PlotLook } from "./plot.ts";
import type { ChartData } from "./series.ts";
import type { DashboardActions } from "./state.ts";

/** Where the cursor of a plot is, and what is told of it. */
export interface PlotCursor {
  readonly step: number | null;
  readonly run: number;
  readonly valueText: string;
}

const keyHelp = t(
  "Left and Right move over the steps, Page Up, Page Down, Home and End go further, Up and Down choose the run, Enter opens its rollouts.",
);

/** A plot as a slider over its steps: what the pointer does, keys do too. */
export class PlotBox {
  readonly node: HTMLElement;
  private readonly spec: ChartSpec;
  private readonly dispatch: DashboardActions["dispatch"];
  private readonly open: (step: number, run: number) => void;
  private readonly observer: ResizeObserver;
  private readonly unwatchTheme: () => void;
  private data: ChartData = { steps: [], runs: [] };
  // Keys go on from here: what one has moved is rendered with the next frame, and the next key may come before.
  private cursorStep: number | null = null;
  private cursorRun = 0;
  private plot: Plot | null = null;
  private plotKey = "";

  /** `open` shows the rollouts of a run's step. */
  constructor(spec: ChartSpec, { dispatch }: DashboardActions, open: (step: number, run: number) => void) {
    this.spec = spec;
    this.dispatch = dispatch;
    this.open = open;
    this.node = element("div", {
      class: "plot",
      role: "slider",
      label: t("{0}, by step", spec.title),
      tabIndex: 0,
      attributes: { "aria-description": keyHelp },
    });
    this.node.style.height = `${plotHeightPx}px`;
    this.node.addEventListener("focus", () => this.moveTo(this.here ?? null));
    this.node.addEventListener("blur", () => this.moveTo(null));
    this.node.addEventListener("keydown", (event) => this.keyPressed(event));
    this.observer = new ResizeObserver(() => this.plot?.resize(this.node.clientWidth));
    this.observer.observe(this.node);
    this.unwatchTheme = onDidChangeTheme(() => this.plot?.redraw());
  }

  show(data: ChartData, look: PlotLook): void {
    this.data = data;
    const key = `${data.runs.length} ${look.isLog}`;
    if (this.plot !== null && key === this.plotKey) return this.plot.show(data, look);
    this.plot?.destroy();
    this.plotKey = key;
    this.plot = new Plot(this.node, this.spec, data, look, {
      moved: (step) => this.dispatch({ kind: "moveCursor", step }),
      picked: this.open,
      zoomed: (zoom) => this.dispatch({ kind: "zoom", zoom }),
    });
  }

  setCursor({ step, run, valueText }: PlotCursor): void {
    const { steps } = this.data;
    this.cursorStep = step;
    this.cursorRun = run;
    this.plot?.setCursor(step);
    setAttribute(this.node, "aria-valuemin", String(steps[0] ?? 0));
    setAttribute(this.node, "aria-valuemax", String(steps.at(-1) ?? 0));
    setAttribute(this.node, "aria-valuenow", String(step ?? steps.at(-1) ?? 0));
    setAttribute(this.node, "aria-valuetext", valueText);
  }

  destroy(): void {
    this.observer.disconnect();
    this.unwatchTheme();
    this.plot?.destroy();
  }

  private get here(): number | undefined {
    return this.cursorStep ?? this.data.steps.at(-1);
  }

  private moveTo(step: number | null): void {
    this.cursorStep = step;
    this.dispatch({ kind: "moveCursor", step });
  }

  private pickRun(index: number): void {
    this.cursorRun = Math.min(this.data.runs.length - 1, Math.max(0, index));
    this.dispatch({ kind: "pickRun", index: this.cursorRun });
  }

  private keyPressed(event: KeyboardEvent): void {
    const step = this.here;
    if (step === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    const moved = movedStep(event.key, this.data.steps, step);
    if (moved !== null) this.moveTo(moved);
    else if (event.key === "ArrowUp") this.pickRun(this.cursorRun - 1);
    else if (event.key === "ArrowDown") this.pickRun(this.cursorRun + 1);
    else if (event.key === "Enter") this.open(step, this.cursorRun);
    else if (event.key === "Escape") this.dispatch({ kind: "zoom", zoom: null });
    else return;
    event.preventDefault();
  }
}
