import { t } from "@vscode/l10n";
import { element } from "../../dom.ts";
import { linkText } from "../completionText.ts";
import type { TextToken } from "../completionText.ts";
import { formatTime } from "../format.ts";
import { mentionOptions } from "../groupModel.ts";
import type { CompletionView, GroupView } from "../groupModel.ts";
import type { Contradiction } from "../mentions.ts";
import type { Highlight } from "../state.ts";
import type { Dispatch } from "./view.ts";

/** A mention that was put into the page, to be marked when what it speaks of is pointed at. */
export interface MentionNode {
  readonly node: HTMLElement;
  readonly token: TextToken;
}

export interface TextContext {
  readonly completion: CompletionView;
  readonly group: GroupView;
  readonly dispatch: Dispatch;
  /** Filled with the mentions of the text. */
  readonly mentions: MentionNode[];
}

/**
 * A section of model text with its times, intervals and boxes as buttons that lead to the video; what contradicts the
 * answer is marked. Never read as markup.
 */
export function linkedText(section: number, context: TextContext): readonly (HTMLElement | string)[] {
  const { completion, group, mentions } = context;
  const text = completion.sections[section]?.text ?? "";
  const marks = completion.contradictions.filter((contradiction) => contradiction.section === section);
  let offset = 0;
  return linkText(text, mentionOptions(group.record)).flatMap((token) => {
    const start = offset;
    offset += token.text.length;
    if (token.kind === "text") return plainText(token.text, start, marks);
    const node = mentionNode(token, context);
    mentions.push({ node, token });
    const mark = marks.find((contradiction) => contradiction.start < offset && contradiction.end > start);
    if (mark !== undefined) markContradiction(node, mark);
    return [node];
  });
}

function mentionNode(token: Mention, { group, completion, dispatch }: TextContext): HTMLElement {
  const target = targetOf(token, completion, group);
  return target === null ? outsideMention(token, group) : link(token.text, target, completion, dispatch);
}

/** Text without mentions, but for an option that the answer contradicts. */
function plainText(text: string, start: number, marks: readonly Contradiction[]): readonly (HTMLElement | string)[] {
  const inside = marks.filter((mark) => mark.start >= start && mark.end <= start + text.length);
  const nodes: (HTMLElement | string)[] = [];
  let at = 0;
  for (const mark of inside) {
    nodes.push(text.slice(at, mark.start - start));
    const node = element("span", { text: text.slice(mark.start - start, mark.end - start) });
    markContradiction(node, mark);
    nodes.push(node);
    at = mark.end - start;
  }
  return [...nodes, text.slice(at)];
}

function markContradiction(node: HTMLElement, { explanation }: Contradiction): void {
  node.classList.add("contradiction");
  node.title = explanation;
}

type Mention = Exclude<TextToken, { kind: "text" }>;

interface Target {
  readonly timeSec: number | undefined;
  readonly highlight: Highlight | null;
  readonly title: string;
}

function targetOf(token: Mention, completion: CompletionView, group: GroupView): Target | null {
  switch (token.kind) {
    case "time":
      return token.isInside
        ? { timeSec: token.timeSec, highlight: null, title: t("Go to {0}", formatTime(token.timeSec)) }
        : null;
    case "interval": {
      if (!token.isInside) return null;
      const { startSec } = token.segment;
      return {
        timeSec: startSec,
        highlight: { source: "text", kind: "segment", segment: token.segment },
        title: t("Go to {0}", formatTime(startSec)),
      };
    }
    case "box": {
      const positions = group.truthBoxes.length > 0 ? group.truthBoxes : completion.boxes;
      const timeSec = positions[token.position]?.timestampSec;
      const title =
        timeSec === undefined ? t("Show this box on the frame") : t("Show this box at {0}", formatTime(timeSec));
      return { timeSec, highlight: { source: "text", kind: "box", box: token.box }, title };
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

function outsideMention(token: Mention, group: GroupView): HTMLElement {
  const title = t("After the end of the video ({0})", formatTime(group.durationSec));
  return element("span", { class: "outside-mention", text: token.text, title });
}
