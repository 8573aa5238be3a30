import { t } from "@vscode/l10n";
import { dropdown, iconButton } from "../../controls.ts";
import { element, setAttribute, setHidden, setText, whenChanged } from "../../dom.ts";
import { compareGroups } from "../compare/compareModel.ts";
import type { ComparedMeasure, ComparedRow, Comparison } from "../compare/compareModel.ts";
import { otherPlace, otherPlaces, otherRecord } from "../compare/compareState.ts";
import type { CompareState, Runs } from "../compare/compareState.ts";
import { comparedWith } from "../compare/compareUpdates.ts";
import { formatNumber, formatSigned } from "../format.ts";
import { buildGroup } from "../groupModel.ts";
import type { CompletionView, GroupView } from "../groupModel.ts";
import { memoLast } from "../memo.ts";
import { shownCompletion, shownGroup } from "../state.ts";
import type { ViewerState } from "../state.ts";
import { createInspector } from "./inspector.ts";
import { applyTone, placeSegment } from "./lane.ts";
import type { Dispatch, View } from "./view.ts";

/** The same prompt at another step or in another run, beside what the page shows: measures, answers, and texts. */
export function createCompareView(dispatch: Dispatch): View {
  const panel = createInspector("compare-panel", t("Compare"), () => dispatch({ kind: "compareOpen", isOpen: false }));
  const choice = createChoice(dispatch);
  const message = element("p", { class: "panel-hint", role: "status" });
  const measures = element("table", { class: "compare-measures" });
  const rows = element("ol", { class: "compare-rows", label: t("Rollouts of both sides, the best first") });
  const texts = element("div", { class: "compare-texts" });
  panel.tools.append(choice.node);
  panel.body.append(message, measures, rows, texts);

  const renderComparison = whenChanged(
    (comparison: Comparison | null, left: string, right: string, group: GroupView | null) => {
      for (const node of [measures, rows, texts]) setHidden(node, comparison === null);
      if (comparison === null || group === null) return;
      measures.replaceChildren(...measureNodes(comparison.measures, left, right));
      rows.replaceChildren(...comparison.rows.map((row) => rowNode(row, group, dispatch)));
    },
  );
  const renderTexts = whenChanged((row: ComparedRow | null, left: string, right: string) => {
    for (const node of rows.querySelectorAll<HTMLElement>("[data-rank]")) {
      setAttribute(node, "aria-pressed", String(node.dataset["rank"] === String(row?.rank)));
    }
    texts.replaceChildren(...(row === null ? [] : [textNode(row.left, left), textNode(row.right, right)]));
  });
  return {
    node: panel.node,
    render: (state) => {
      const { compare } = state;
      panel.setShown(compare !== null);
      if (compare === null) return;
      choice.render(state);
      const own = comparedWith(state);
      const record = otherRecord(compare, own);
      const group = shownGroup(state);
      const comparison = record === null || group === null ? null : comparisonOf(record, group);
      const left = sideName(compare, state);
      const right = t("Step {0}", group?.record.step ?? "");
      setText(message, comparison === null ? emptyText(compare, state) : "");
      setHidden(message, comparison !== null);
      renderComparison(comparison, left, right, group);
      const k = shownCompletion(state)?.k;
      renderTexts(comparison?.rows.find((row) => row.right?.k === k) ?? null, left, right);
    },
  };
}

const comparisonOf = memoLast((record: Parameters<typeof buildGroup>[0], group: GroupView) =>
  compareGroups(buildGroup(record), group),
);

function createChoice(dispatch: Dispatch): View {
  const run = dropdown(t("Run to compare with"), (runDir) => dispatch({ kind: "compareRun", runDir }));
  const step = dropdown(t("Step to compare with"), (value) => dispatch({ kind: "compareStep", step: Number(value) }));
  const act = (action: "previousCompared" | "nextCompared") => () => dispatch({ kind: "action", action });
  const previous = iconButton("chevronLeft", t("Compare with an earlier step"), act("previousCompared"));
  const next = iconButton("chevronRight", t("Compare with a later step"), act("nextCompared"));
  const node = element("div", { class: "compare-choice" }, [run.node, previous.node, step.node, next.node]);
  const runItems = memoLast((runs: Runs, own: string, name: string) => {
    const others = runs.filter(({ runDir }) => runDir !== own);
    return [
      { value: own, label: t("This run ({0})", name) },
      ...others.map(({ runDir, name: other, steps }) => ({ value: runDir, label: t("{0} · {1} steps", other, steps) })),
    ];
  });
  return {
    node,
    render: (state) => {
      const { compare } = state;
      if (compare === null) return;
      const own = comparedWith(state);
      run.setItems(runItems(state.runs ?? [], own.runDir, state.run?.name ?? ""), compare.runDir);
      const places = otherPlaces(compare, own) ?? [];
      const place = otherPlace(compare, own);
      step.setItems(
        places.map(({ step: at, rewardMean }) => ({
          value: String(at),
          label: rewardMean === null ? t("Step {0}", at) : t("Step {0} · reward {1}", at, formatNumber(rewardMean)),
        })),
        String(place?.step ?? ""),
      );
      setHidden(step.node, places.length === 0);
      const index = places.findIndex((known) => known === place);
      previous.setEnabled(index > 0);
      next.setEnabled(index >= 0 && index < places.length - 1);
    },
  };
}

function sideName(compare: CompareState, state: ViewerState): string {
  const step = t("Step {0}", compare.line?.step ?? "");
  if (compare.runDir === state.run?.runDir) return step;
  const name = state.runs?.find(({ runDir }) => runDir === compare.runDir)?.name ?? t("other run");
  return `${name}, ${step.toLowerCase()}`;
}

function emptyText(compare: CompareState, state: ViewerState): string {
  if (compare.problem !== null) return compare.problem;
  const places = otherPlaces(compare, comparedWith(state));
  if (places === null) return t("Looking for this prompt…");
  if (places.length > 0) return t("Reading its rollouts…");
  return compare.runDir === state.run?.runDir
    ? t("This run has rolled the prompt out at this step only. Choose another run.")
    : t("That run has not rolled this prompt out.");
}

function measureNodes(measures: readonly ComparedMeasure[], left: string, right: string): readonly HTMLElement[] {
  const head = element("thead", {}, [
    element("tr", {}, [
      element("th", { text: t("Mean of the group"), attributes: { scope: "col" } }),
      ...[left, right, t("Change")].map((text) => element("th", { text, attributes: { scope: "col" } })),
    ]),
  ]);
  const number = (value: number | null, isSigned = false): string =>
    value === null ? "–" : isSigned ? formatSigned(value) : formatNumber(value);
  const body = measures.map(({ name, left: before, right: after, delta }) =>
    element("tr", {}, [
      element("th", { text: name, attributes: { scope: "row" } }),
      element("td", { text: number(before) }),
      element("td", { text: number(after) }),
      element("td", { class: toneClass(delta), text: number(delta, true) }),
    ]),
  );
  return [head, element("tbody", {}, body)];
}

function toneClass(delta: number | null): string {
  if (delta === null || Math.abs(delta) < 0.005) return "";
  return delta > 0 ? "is-more" : "is-less";
}

/** One rank: both answers on one track where they are segments, and how they differ in words. */
function rowNode(row: ComparedRow, group: GroupView, dispatch: Dispatch): HTMLElement {
  const { rank, left, right, answer } = row;
  const reward = (side: CompletionView | null): string =>
    side === null ? "–" : side.record.reward === null ? "dropped" : formatNumber(side.record.reward);
  const words = answer === null ? "" : answer.isSame ? t("same answer") : answer.difference;
  const button = element(
    "button",
    { class: "compare-row", attributes: { "data-rank": String(rank), "aria-pressed": "false" } },
    [
      element("span", { class: "compare-reward", text: `${reward(left)} → ${reward(right)}` }),
      group.truthSegments.length > 0 ? pairTrack(row, group) : null,
      element("span", { class: "compare-words", text: words || `${answer?.left ?? "–"} → ${answer?.right ?? "–"}` }),
    ],
  );
  button.addEventListener("click", () => {
    if (right !== null) dispatch({ kind: "selectCompletion", completion: right.k });
  });
  return element("li", {}, [button]);
}

function pairTrack({ left, right }: ComparedRow, group: GroupView): HTMLElement {
  const { durationSec } = group;
  const bars = (segments: GroupView["truthSegments"], className: string, side: CompletionView | null): HTMLElement[] =>
    segments.map((segment) => {
      const bar = element("span", { class: className });
      if (side !== null) applyTone(bar, side);
      placeSegment(bar, segment, durationSec);
      return bar;
    });
  return element("span", { class: "pair-track", attributes: { "aria-hidden": "true" } }, [
    ...bars(group.truthSegments, "pair-truth", null),
    ...bars(left?.segments ?? [], "pair-bar pair-left", left),
    ...bars(right?.segments ?? [], "pair-bar pair-right", right),
  ]);
}

function textNode(completion: CompletionView | null, side: string): HTMLElement {
  const title = completion === null ? t("{0}: none", side) : t("{0}, rollout {1}", side, completion.k + 1);
  return element("div", { class: "compare-text" }, [
    element("div", { class: "section-name", text: title }),
    element("div", { class: "model-text", text: completion?.record.text ?? "", tabIndex: 0 }),
  ]);
}
