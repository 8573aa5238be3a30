import { t } from "@vscode/l10n";
import type { ViewerEvidence } from "../../../src/protocol/view.ts";
import { element, setAttribute, setText, svgElement, whenChanged } from "../../dom.ts";
import { moveFrame } from "../actions.ts";
import { evidenceOf } from "../evidence.ts";
import { formatAxisTime, formatSegments, formatTime } from "../format.ts";
import { axisTimes, fractionToTime, timeToFraction } from "../geometry.ts";
import type { CompletionView, GroupView } from "../groupModel.ts";
import { firstTimeSec } from "../groupModel.ts";
import { currentFrame, currentTimeSec, shownCompletion, shownGroup } from "../state.ts";
import type { ViewerState } from "../state.ts";
import { createConsensusBand, createEvidenceLane } from "./bands.ts";
import { createLane, createTruthLane } from "./lane.ts";
import { createTimelineLayer } from "./timelineLayer.ts";
import { dragBars } from "./laneDrag.ts";
import { frameDelta } from "./strip.ts";
import type { Dispatch, View } from "./view.ts";

/** Time axis with the sampled frames, the truth's lane and a lane for each completion, and the playhead over all. */
export function createTimeline(dispatch: Dispatch): View {
  const ruler = element("div", { class: "track ruler", role: "slider", label: t("Time"), tabIndex: 0 });
  const valueName = element("span", { class: "lane-value" });
  const truthSlot = element("div", { class: "truth-slot" });
  const bandSlot = element("div", { class: "truth-slot" });
  const evidence = createEvidenceSlot();
  const lanes = element("div", { class: "lanes", role: "listbox", tabIndex: 0 });
  const layer = createTimelineLayer();
  const node = element("section", { class: "timeline", label: t("Timeline") }, [
    element("div", { class: "timeline-row ruler-row" }, [element("span", { class: "lane-name" }), ruler, valueName]),
    truthSlot,
    evidence.node,
    bandSlot,
    lanes,
    layer.node,
  ]);
  let shown: ViewerState | null = null;
  let rows: readonly HTMLElement[] = [];
  listen({ ruler, truthSlot, lanes }, () => shown, dispatch);
  pointAtText(node, () => shown, dispatch);
  dragBars(lanes, () => shown, dispatch);

  const renderGroup = whenChanged((group: GroupView | null) => {
    node.hidden = group === null;
    if (group === null) return;
    renderRuler(ruler, group);
    setText(valueName, group.completions[0]?.overlap?.name ?? "");
    lanes.hidden = !group.hasLanes;
    truthSlot.hidden = !group.hasTruth;
    setAttribute(lanes, "aria-label", group.isNamed ? t("Answers on the timeline") : t("Rollouts on the timeline"));
    truthSlot.replaceChildren(createTruthLane(group));
    const band = group.hasLanes ? createConsensusBand(group) : null;
    bandSlot.replaceChildren(...(band === null ? [] : [band]));
    rows = group.completions.map((completion) => createLane(completion, group));
    lanes.replaceChildren(...rows);
  });
  const renderSelected = whenChanged((selected: CompletionView | null, _group: GroupView | null) => {
    rows.forEach((row, k) => setAttribute(row, "aria-selected", String(k === selected?.k)));
    const row = rows[selected?.k ?? -1];
    if (row !== undefined) setAttribute(lanes, "aria-activedescendant", row.id);
  });
  const renderTime = whenChanged((timeSec: number, group: GroupView | null) => {
    setAttribute(ruler, "aria-valuenow", timeSec.toFixed(2));
    const frame = shown === null ? -1 : currentFrame(shown);
    const text = t("{0}, frame {1} of {2}", formatTime(timeSec), frame + 1, group?.timestampsSec.length ?? 0);
    setAttribute(ruler, "aria-valuetext", text);
  });
  return {
    node,
    render: (state) => {
      shown = state;
      const group = shownGroup(state);
      renderGroup(group);
      renderSelected(shownCompletion(state), group);
      renderTime(currentTimeSec(state), group);
      layer.render(state);
      evidence.render(state);
      node.classList.toggle("is-editing", state.isEditing);
    },
  };
}

function createEvidenceSlot(): View {
  const node = element("div", { class: "truth-slot" });
  const renderEvidence = whenChanged((evidence: ViewerEvidence | null, group: GroupView | null) => {
    const view = evidenceOf(evidence, group);
    node.replaceChildren(...(view === null || group === null ? [] : [createEvidenceLane(view, group)]));
  });
  return { node, render: (state) => renderEvidence(state.evidence, shownGroup(state)) };
}

interface Parts {
  readonly ruler: HTMLElement;
  readonly truthSlot: HTMLElement;
  readonly lanes: HTMLElement;
}

function listen({ ruler, truthSlot, lanes }: Parts, shown: () => ViewerState | null, dispatch: Dispatch): void {
  const group = (): GroupView | null => {
    const state = shown();
    return state === null ? null : shownGroup(state);
  };
  const scrub = (event: PointerEvent): void => {
    dispatch({ kind: "seek", timeSec: timeAt(event, ruler, group()) });
  };
  ruler.addEventListener("pointerdown", (event) => {
    ruler.setPointerCapture(event.pointerId);
    scrub(event);
  });
  ruler.addEventListener("pointermove", (event) => {
    if (ruler.hasPointerCapture(event.pointerId)) scrub(event);
  });
  truthSlot.addEventListener("click", (event) => {
    dispatch({ kind: "seek", timeSec: barStartSec(event) ?? timeAt(event, ruler, group()) });
  });
  lanes.addEventListener("click", (event) => {
    const completion = group()?.completions[laneOf(event)];
    if (completion === undefined) return;
    const isOnTrack = event.target instanceof Element && event.target.closest(".track") !== null;
    const timeSec = isOnTrack
      ? (barStartSec(event) ?? timeAt(event, ruler, group()))
      : (firstTimeSec(completion.segments, completion.boxes) ?? undefined);
    dispatch({ kind: "selectCompletion", completion: completion.k, timeSec });
  });
  for (const widget of [ruler, lanes]) {
    widget.addEventListener("keydown", (event) => {
      const state = shown();
      if (state === null || (widget === lanes && moveLane(event, state, dispatch))) return;
      const delta = frameDelta(event.key);
      if (delta === null) return;
      event.preventDefault();
      dispatch({ kind: "seek", timeSec: currentTimeSec(moveFrame(state, delta)) });
    });
  }
}

/** A segment that the pointer rests on marks the mentions of it in the texts. */
function pointAtText(node: HTMLElement, shown: () => ViewerState | null, dispatch: Dispatch): void {
  const show = (bar: HTMLElement | null): void => {
    const { startSec, endSec } = bar?.dataset ?? {};
    const isSegment = startSec !== undefined && endSec !== undefined;
    const segment = isSegment ? { startSec: Number(startSec), endSec: Number(endSec) } : null;
    const isShown = shown()?.highlight?.source === "picture";
    if (segment !== null) dispatch({ kind: "highlight", highlight: { source: "picture", kind: "segment", segment } });
    else if (isShown) dispatch({ kind: "highlight", highlight: null });
  };
  node.addEventListener("pointerover", (event) => {
    show(event.target instanceof Element ? event.target.closest<HTMLElement>("[data-end-sec]") : null);
  });
  node.addEventListener("pointerleave", () => show(null));
}

/** Up and down choose a lane, Enter goes to the start of its prediction. */
function moveLane(event: KeyboardEvent, state: ViewerState, dispatch: Dispatch): boolean {
  const completion = shownCompletion(state);
  const delta = { ArrowUp: -1, ArrowDown: 1, Enter: 0 }[event.key];
  if (completion === null || delta === undefined) return false;
  event.preventDefault();
  const timeSec = delta === 0 ? (firstTimeSec(completion.segments, completion.boxes) ?? undefined) : undefined;
  dispatch({ kind: "selectCompletion", completion: completion.k + delta, timeSec });
  return true;
}

function renderRuler(ruler: HTMLElement, group: GroupView): void {
  const { durationSec, timestampsSec } = group;
  // One path for all ticks: a long clip has hundreds of frames.
  const path = timestampsSec.map((timeSec) => `M${1000 * timeToFraction(timeSec, durationSec)} 0V10`).join("");
  const ticks = svgElement(
    "svg",
    { class: "ticks", viewBox: "0 0 1000 10", preserveAspectRatio: "none", "aria-hidden": "true" },
    [svgElement("path", { d: path, "vector-effect": "non-scaling-stroke" })],
  );
  const labels = axisTimes(durationSec, 7).map((timeSec) => {
    const fraction = timeToFraction(timeSec, durationSec);
    const label = element("span", { class: "axis-label", text: formatAxisTime(timeSec, durationSec) });
    label.style.left = `${100 * fraction}%`;
    label.dataset["edge"] = fraction < 0.05 ? "start" : fraction > 0.93 ? "end" : "";
    return label;
  });
  ruler.replaceChildren(...labels, ticks);
  ruler.title = t("Sampled frames at {0} s", timestampsSec.map((timeSec) => timeSec.toFixed(2)).join(", "));
  setAttribute(ruler, "aria-valuemin", "0");
  setAttribute(ruler, "aria-valuemax", durationSec.toFixed(2));
  if (group.truthSegments.length > 0)
    setAttribute(ruler, "aria-description", t("Truth {0}", formatSegments(group.truthSegments)));
  else ruler.removeAttribute("aria-description");
}

function timeAt(event: MouseEvent, ruler: HTMLElement, group: GroupView | null): number {
  const bounds = ruler.getBoundingClientRect();
  return fractionToTime((event.clientX - bounds.left) / Math.max(1, bounds.width), group?.durationSec ?? 0);
}

/** Start of the bar under the pointer, so that a click on a prediction goes to where it begins. */
function barStartSec(event: MouseEvent): number | undefined {
  const bar = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-start-sec]") : null;
  const start = bar?.dataset["startSec"];
  return start === undefined ? undefined : Number(start);
}

function laneOf(event: MouseEvent): number {
  const row = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-completion]") : null;
  return Number(row?.dataset["completion"] ?? -1);
}
