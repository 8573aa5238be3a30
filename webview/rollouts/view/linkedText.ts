import { element } from "../../dom.ts";
import { linkText } from "../completionText.ts";
import type { TextToken } from "../completionText.ts";
import { formatTime } from "../format.ts";
import type { CompletionView, GroupView } from "../groupModel.ts";
import type { Highlight } from "../state.ts";
import type { Dispatch } from "./view.ts";

/** Model text with its times, intervals and boxes as buttons that lead to the video. Never read as markup. */
export function linkedText(
  text: string,
  completion: CompletionView,
  group: GroupView,
  dispatch: Dispatch,
): readonly (HTMLElement | string)[] {
  const { task } = group.record;
  const tokens = linkText(text, {
    durationSec: group.durationSec,
    numbersAreTimes: task === "temporal-grounding" || task === "grounded-qa",
  });
  return tokens.map((token) => {
    const target = targetOf(token, group);
    if (target === null) return isOutside(token) ? outsideMention(token, group) : token.text;
    return link(token.text, target, completion, dispatch);
  });
}

interface Target {
  readonly timeSec: number | undefined;
  readonly highlight: Highlight | null;
  readonly title: string;
}

function targetOf(token: TextToken, group: GroupView): Target | null {
  switch (token.kind) {
    case "text":
      return null;
    case "time":
      return token.isInside
        ? { timeSec: token.timeSec, highlight: null, title: `Go to ${formatTime(token.timeSec)}` }
        : null;
    case "interval": {
      if (!token.isInside) return null;
      const { startSec } = token.segment;
      return {
        timeSec: startSec,
        highlight: { kind: "segment", segment: token.segment },
        title: `Go to ${formatTime(startSec)}`,
      };
    }
    case "box": {
      const timeSec = group.truthBoxes[token.position]?.timestampSec;
      const title = timeSec === undefined ? "Show this box on the frame" : `Show this box at ${formatTime(timeSec)}`;
      return { timeSec, highlight: { kind: "box", box: token.box }, title };
    }
    default:
      throw new Error(`internal: unknown token ${JSON.stringify(token satisfies never)}`);
  }
}

function link(text: string, target: Target, completion: CompletionView, dispatch: Dispatch): HTMLElement {
  const node = element("button", { class: "text-link", text, title: target.title });
  node.addEventListener("click", (event) => {
    event.stopPropagation();
    dispatch({ kind: "selectCompletion", completion: completion.k, timeSec: target.timeSec });
  });
  const show = (highlight: Highlight | null) => (): void => dispatch({ kind: "highlight", highlight });
  if (target.highlight !== null) {
    node.addEventListener("pointerenter", show(target.highlight));
    node.addEventListener("focus", show(target.highlight));
    node.addEventListener("pointerleave", show(null));
    node.addEventListener("blur", show(null));
  }
  return node;
}

function isOutside(token: TextToken): boolean {
  return (token.kind === "time" || token.kind === "interval") && !token.isInside;
}

function outsideMention(token: TextToken, group: GroupView): HTMLElement {
  const title = `After the end of the video (${formatTime(group.durationSec)})`;
  return element("span", { class: "outside-mention", text: token.text, title });
}
