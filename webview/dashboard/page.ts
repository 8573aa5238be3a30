import { t } from "@vscode/l10n";
import type { DashboardRun } from "../../src/protocol/dashboard.ts";
import { checkbox, textButton } from "../controls.ts";
import { element, setHidden, setText, whenChanged } from "../dom.ts";
import { icon } from "../icons.ts";
import { createChart, type ChartView } from "./chart.ts";
import { sectionsOf, type ChartSection } from "./chartTable.ts";
import { createRunList } from "./runList.ts";
import { maxSmoothing, type DashboardActions, type DashboardState } from "./state.ts";

/** The whole page; `render` may be called as often as anything changes. */
export function createPage(body: HTMLElement, actions: DashboardActions): { render(state: DashboardState): void } {
  const runs = createRunList(actions);
  const controls = createControls(actions);
  const problems = element("div", { class: "problems" });
  const message = element("p", { class: "empty", role: "status" });
  const charts = createSections(actions);
  body.replaceChildren(
    element("header", { class: "header" }, [runs.node, controls.node]),
    element("main", { class: "sections" }, [
      element("h1", { class: "visually-hidden", text: t("Run dashboard") }),
      problems,
      message,
      charts.node,
    ]),
  );
  const renderRuns = whenChanged((shown: readonly DashboardRun[] | null) => {
    problems.replaceChildren(...(shown ?? []).flatMap(problemNotice));
    const text = messageOf(shown);
    setText(message, text);
    setHidden(message, text === "");
  });
  return {
    render: (state) => {
      runs.render(state);
      controls.render(state);
      renderRuns(state.runs);
      charts.render(state);
    },
  };
}

function problemNotice({ name, problem }: DashboardRun): HTMLElement[] {
  if (problem === null) return [];
  return [
    element("div", { class: "notice", role: "alert" }, [
      icon("error"),
      element("span", { text: `${name}: ${problem}` }),
    ]),
  ];
}

function messageOf(runs: readonly DashboardRun[] | null): string {
  if (runs === null) return t("Reading the runs…");
  if (runs.length === 0) return t("No run is shown. Choose up to four to compare.");
  const readable = runs.filter(({ problem }) => problem === null);
  const hasData = readable.some(({ curves, evaluations }) => curves.steps.length + evaluations.length > 0);
  return readable.length === 0 || hasData ? "" : t("No step has ended yet. The charts begin with the first.");
}

function createControls({ dispatch, post }: DashboardActions): {
  node: HTMLElement;
  render(state: DashboardState): void;
} {
  const value = element("output", { class: "smoothing-value" });
  const range = element("input", {
    class: "smoothing",
    attributes: { type: "range", min: "0", max: String(maxSmoothing), step: "0.01", id: "smoothing" },
  });
  range.addEventListener("input", () => dispatch({ kind: "setSmoothing", smoothing: Number(range.value) }));
  const log = checkbox(t("Log scale"), t("A logarithmic axis for values"), (checked) =>
    dispatch({ kind: "setScale", scale: checked ? "log" : "linear" }),
  );
  const tables = checkbox(t("Tables"), t("The values as tables in place of the charts"), (checked) =>
    dispatch({ kind: "setView", view: checked ? "tables" : "charts" }),
  );
  const zoom = textButton(t("All steps"), "secondary", () => dispatch({ kind: "zoom", zoom: null }));
  const choose = textButton(t("Choose runs…"), "secondary", () => post({ kind: "chooseRuns" }));
  const hint = element("span", { class: "hint" });
  const step = element("output", { class: "cursor-step" });
  const node = element("div", { class: "controls" }, [
    element("label", { text: t("Smoothing"), attributes: { for: "smoothing" } }),
    range,
    value,
    log.node,
    tables.node,
    zoom.node,
    step,
    hint,
    choose.node,
  ]);
  return {
    node,
    render: (state) => {
      if (Number(range.value) !== state.smoothing) range.value = String(state.smoothing);
      setText(value, state.smoothing.toFixed(2));
      log.setChecked(state.scale === "log");
      tables.setChecked(state.view === "tables");
      setText(step, state.cursorStep === null ? "" : t("Step {0}", state.cursorStep));
      zoom.setVisible(state.zoom !== null);
      const charts = t("Click a point, or press Enter on a chart, to open its rollouts. Drag to zoom.");
      setText(hint, state.view === "charts" ? charts : t("A value opens its rollouts."));
    },
  };
}

interface OpenSection {
  readonly node: HTMLDetailsElement;
  readonly charts: readonly ChartView[];
}

/** Sections are made again only when there are other charts; a folded one draws nothing. */
function createSections(actions: DashboardActions): { node: HTMLElement; render(state: DashboardState): void } {
  const node = element("div");
  let shownKey = "";
  let sections: readonly OpenSection[] = [];
  let last: DashboardState | null = null;
  const open = (section: ChartSection): OpenSection => {
    const charts = section.charts.map((spec) => createChart(spec, actions));
    const details = element("details", { class: "section", attributes: section.isFolded ? {} : { open: "" } }, [
      element("summary", {}, [element("h2", { text: section.title })]),
      element(
        "div",
        { class: "grid" },
        charts.map((chart) => chart.node),
      ),
    ]);
    details.addEventListener("toggle", () => {
      if (last !== null) renderSection({ node: details, charts }, last);
    });
    return { node: details, charts };
  };
  const renderSection = ({ node: details, charts }: OpenSection, state: DashboardState): void => {
    if (details.open) for (const chart of charts) chart.render(state);
  };
  const renderRuns = whenChanged((runs: readonly DashboardRun[]) => {
    const wanted = sectionsOf(runs);
    const key = JSON.stringify(wanted.map(({ id, charts }) => [id, charts.map((chart) => chart.key)]));
    if (key === shownKey) return;
    shownKey = key;
    for (const { charts } of sections) for (const chart of charts) chart.destroy();
    sections = wanted.map(open);
    node.replaceChildren(...sections.map((section) => section.node));
  });
  return {
    node,
    render: (state) => {
      last = state;
      renderRuns(state.runs ?? []);
      for (const section of sections) renderSection(section, state);
    },
  };
}
