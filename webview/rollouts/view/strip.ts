import { t } from "@vscode/l10n";
import { element, setAttribute, whenChanged } from "../../dom.ts";
import { moveFrame } from "../actions.ts";
import { formatTime } from "../format.ts";
import { containsTime } from "../geometry.ts";
import type { CompletionView, GroupView } from "../groupModel.ts";
import { toneOf } from "../overlay.ts";
import { currentFrame, currentTimeSec, shownCompletion, shownFrames, shownGroup } from "../state.ts";
import type { FrameUris, ViewerState } from "../state.ts";
import type { Dispatch, View } from "./view.ts";

/** The sampled frames in a row; the bars under a frame say that it lies in the truth or in the selected prediction. */
export function createStrip(dispatch: Dispatch): View {
  const node = element("div", {
    class: "strip",
    role: "listbox",
    label: t("Sampled frames"),
    tabIndex: 0,
    attributes: { "aria-orientation": "horizontal" },
  });
  let thumbnails: readonly HTMLElement[] = [];
  let shown: ViewerState | null = null;

  node.addEventListener("click", (event) => {
    const thumbnail = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-frame]") : null;
    const timeSec = shownGroupTimes(shown)[Number(thumbnail?.dataset["frame"])];
    if (timeSec !== undefined) dispatch({ kind: "seek", timeSec });
  });
  node.addEventListener("keydown", (event) => {
    const delta = frameDelta(event.key);
    if (delta === null || shown === null) return;
    event.preventDefault();
    dispatch({ kind: "seek", timeSec: currentTimeSec(moveFrame(shown, delta)) });
  });

  const renderFrames = whenChanged((group: GroupView | null, frames: FrameUris | null) => {
    const timestampsSec = group?.timestampsSec ?? [];
    const video = group?.record.video;
    node.style.setProperty("--frame-aspect", String((video?.widthPx ?? 1) / Math.max(1, video?.heightPx ?? 1)));
    thumbnails = timestampsSec.map((timeSec, index) => thumbnail(index, timeSec, frames?.uris[index]));
    node.hidden = thumbnails.length === 0;
    node.replaceChildren(...thumbnails);
  });
  const renderMarks = whenChanged(
    (group: GroupView | null, selected: CompletionView | null, _frames: FrameUris | null) => {
      thumbnails.forEach((item, index) => {
        const timeSec = group?.timestampsSec[index] ?? 0;
        item.classList.toggle("in-truth", group !== null && containsTime(group.truthSegments, timeSec));
        item.classList.toggle("in-prediction", selected !== null && containsTime(selected.segments, timeSec));
      });
      node.dataset["tone"] = selected === null ? "neutral" : toneOf(selected);
    },
  );
  const renderCurrent = whenChanged((index: number, _group: GroupView | null, _frames: FrameUris | null) => {
    thumbnails.forEach((item, position) => setAttribute(item, "aria-selected", String(position === index)));
    const current = thumbnails[index];
    if (current === undefined) return;
    setAttribute(node, "aria-activedescendant", current.id);
    scrollIntoStrip(node, current);
  });
  return {
    node,
    render: (state) => {
      shown = state;
      const group = shownGroup(state);
      const frames = shownFrames(state);
      renderFrames(group, frames);
      renderMarks(group, shownCompletion(state), frames);
      renderCurrent(currentFrame(state), group, frames);
    },
  };
}

/** Frames that a standard list key moves by; null for other keys. */
export function frameDelta(key: string): number | null {
  const deltas: Readonly<Record<string, number>> = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
  return deltas[key] ?? null;
}

function thumbnail(index: number, timeSec: number, uri: string | undefined): HTMLElement {
  const picture = element("img", { class: "thumbnail-image", attributes: { alt: "", loading: "lazy" } });
  picture.draggable = false;
  if (uri === undefined) picture.hidden = true;
  else picture.src = uri;
  const label = t("Frame {0}, {1}", index + 1, formatTime(timeSec));
  return element(
    "div",
    {
      class: "thumbnail",
      role: "option",
      label,
      title: label,
      attributes: { id: `frame-${index}`, "data-frame": String(index) },
    },
    [picture],
  );
}

/** Moves the strip only: `scrollIntoView` would move the page too. */
function scrollIntoStrip(strip: HTMLElement, item: HTMLElement): void {
  const left = item.offsetLeft - strip.offsetLeft;
  if (left < strip.scrollLeft) strip.scrollLeft = left;
  else if (left + item.offsetWidth > strip.scrollLeft + strip.clientWidth) {
    strip.scrollLeft = left + item.offsetWidth - strip.clientWidth;
  }
}

function shownGroupTimes(state: ViewerState | null): readonly number[] {
  return state === null ? [] : (shownGroup(state)?.timestampsSec ?? []);
}
