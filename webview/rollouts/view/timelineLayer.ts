import type { Segment } from "../../../src/protocol/tasks.ts";
import { element, whenChanged } from "../../dom.ts";
import { timeToFraction } from "../geometry.ts";
import type { GroupView } from "../groupModel.ts";
import { currentTimeSec, shownGroup } from "../state.ts";
import type { Highlight } from "../state.ts";
import { placeSegment } from "./lane.ts";
import type { View } from "./view.ts";

/** What lies over all rows of the timeline: the playhead, the loop, and the segment of a mention that is pointed at. */
export function createTimelineLayer(): View {
  const playhead = element("div", { class: "playhead" });
  const mention = element("div", { class: "mention" });
  const loop = element("div", { class: "loop" });
  const node = element("div", { class: "timeline-layer", attributes: { "aria-hidden": "true" } }, [
    loop,
    mention,
    playhead,
  ]);
  const renderTime = whenChanged((timeSec: number, group: GroupView | null) => {
    playhead.style.left = `${100 * timeToFraction(timeSec, group?.durationSec ?? 0)}%`;
  });
  const renderMention = whenChanged((highlight: Highlight | null, group: GroupView | null) => {
    const isMention = highlight?.kind === "segment" && highlight.source === "text";
    mention.hidden = !isMention;
    if (isMention) placeSegment(mention, highlight.segment, group?.durationSec ?? 0);
  });
  const renderLoop = whenChanged((segment: Segment | null, group: GroupView | null) => {
    loop.hidden = segment === null;
    if (segment !== null) placeSegment(loop, segment, group?.durationSec ?? 0);
  });
  return {
    node,
    render: (state) => {
      const group = shownGroup(state);
      renderTime(currentTimeSec(state), group);
      renderMention(state.highlight, group);
      renderLoop(state.loop, group);
    },
  };
}
