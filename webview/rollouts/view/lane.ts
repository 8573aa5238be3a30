import { t } from "@vscode/l10n";
import { countOf } from "../../counts.ts";
import type { Segment } from "../../../src/protocol/tasks.ts";
import { element } from "../../dom.ts";
import { icon } from "../../icons.ts";
import { cellAt } from "../consensus.ts";
import { formatNumber, formatSegments } from "../format.ts";
import { timeToFraction } from "../geometry.ts";
import type { CompletionView, GroupView } from "../groupModel.ts";
import { toneOf } from "../overlay.ts";

const unspoken = { "aria-hidden": "true" };

/** A completion's row of the timeline: its segments, or the IoU at each position of its track, and its overlap. */
export function createLane(completion: CompletionView, group: GroupView): HTMLElement {
  const track = element("div", { class: "track", attributes: unspoken }, laneMarks(completion, group));
  const row = element(
    "div",
    {
      class: "timeline-row lane",
      role: "option",
      attributes: { id: `lane-${completion.k}`, "data-completion": String(completion.k), "aria-selected": "false" },
    },
    [
      // One sentence for the screen reader instead of the row's pieces.
      element("span", { class: "visually-hidden", text: completion.spoken }),
      element("span", { class: "lane-name", text: completion.name.label, attributes: unspoken }),
      track,
      element("span", { class: "lane-value", attributes: unspoken }, laneValue(completion, group)),
    ],
  );
  applyTone(row, completion);
  return row;
}

export function createTruthLane(group: GroupView): HTMLElement {
  const marks = [
    ...group.truthSegments.map((segment) => bar(segment, group.durationSec, "truth-bar")),
    ...group.truthBoxes.map((position) => {
      const mark = element("div", {
        class: "truth-mark",
        attributes: { "data-start-sec": String(position.timestampSec) },
      });
      mark.style.left = `${100 * timeToFraction(position.timestampSec, group.durationSec)}%`;
      return mark;
    }),
  ];
  return element("div", { class: "timeline-row truth-lane", role: "img", label: truthLabel(group) }, [
    element("span", { class: "lane-name", text: t("Truth") }),
    element("div", { class: "track" }, marks),
    element("span", { class: "lane-value" }),
  ]);
}

/** Sets the colour of an element and what is in it: the sign of the advantage gives the hue, its size the depth. */
export function applyTone(node: HTMLElement, completion: CompletionView): void {
  node.dataset["tone"] = toneOf(completion);
  node.style.setProperty("--depth", `${Math.round(45 + 55 * Math.abs(completion.strength))}%`);
}

export function placeSegment(node: HTMLElement, segment: Segment, durationSec: number): void {
  const start = timeToFraction(Math.min(segment.startSec, segment.endSec), durationSec);
  const end = timeToFraction(Math.max(segment.startSec, segment.endSec), durationSec);
  node.style.left = `${100 * start}%`;
  node.style.width = `${100 * (end - start)}%`;
}

/** Option letter with a tick or a cross, as the lanes and the cards show it. */
export function optionMark(completion: CompletionView): HTMLElement {
  const mark = element("span", { class: `option-mark ${completion.isOptionRight === true ? "right" : "wrong"}` }, [
    element("span", { text: completion.option ?? "–" }),
    icon(completion.isOptionRight === true ? "check" : "cross"),
  ]);
  mark.title =
    completion.option === null
      ? t("No option")
      : completion.isOptionRight === true
        ? t("Right option")
        : t("Wrong option");
  return mark;
}

function laneMarks(completion: CompletionView, group: GroupView): readonly HTMLElement[] {
  const { durationSec } = group;
  if (completion.positionIous.length > 0) return positionCells(completion, group);
  if (completion.segments.length === 0 && (group.isNamed || group.truthSegments.length > 0)) {
    // An answer of a chat may still be on its way.
    const text = completion.problems[0] ?? (group.isNamed ? "" : t("No segment"));
    return [element("span", { class: "lane-note", text })];
  }
  return completion.segments.map((segment, index) => {
    const node = bar(segment, durationSec, "bar");
    node.dataset["index"] = String(index);
    return node;
  });
}

/** One cell for each position of a track, as high as its IoU, reaching half-way to its neighbours. */
function positionCells(completion: CompletionView, group: GroupView): readonly HTMLElement[] {
  const times = group.truthBoxes.map((position) => position.timestampSec);
  return completion.positionIous.map((iou, index) => {
    const time = times[index] ?? 0;
    const fill = element("div", { class: "cell-fill" });
    fill.style.height = `${100 * iou}%`;
    const cell = element("div", { class: "cell", title: t("IoU {0} at {1} s", formatNumber(iou), time.toFixed(2)) }, [
      fill,
    ]);
    cell.dataset["startSec"] = String(time);
    placeSegment(cell, cellAt(times, index, group.durationSec), group.durationSec);
    return cell;
  });
}

function bar(segment: Segment, durationSec: number, className: string): HTMLElement {
  const node = element("div", {
    class: className,
    title: formatSegments([segment]),
    attributes: { "data-start-sec": String(segment.startSec), "data-end-sec": String(segment.endSec) },
  });
  placeSegment(node, segment, durationSec);
  return node;
}

function laneValue(completion: CompletionView, group: GroupView): readonly HTMLElement[] {
  const nodes: HTMLElement[] = [];
  if (group.isNamed && completion.record.finishReason === null) return nodes; // more of the answer may come
  if (completion.isOptionRight !== null) nodes.push(optionMark(completion));
  if (completion.overlap !== null) nodes.push(element("span", { text: formatNumber(completion.overlap.value) }));
  return nodes;
}

function truthLabel(group: GroupView): string {
  if (group.truthSegments.length > 0) return t("Truth, {0}", formatSegments(group.truthSegments));
  return t("Truth, {0}", countOf(group.truthBoxes.length, "position"));
}
