/** The blocks that a completion is made of. `<think>` holds reasoning, the others hold what is asked. */
export const blockTags = ["think", "answer", "glue"] as const;
export type BlockTag = (typeof blockTags)[number];
export type AnswerTag = Exclude<BlockTag, "think">;

interface TagMark {
  readonly tag: BlockTag;
  readonly isClosing: boolean;
  readonly start: number;
  readonly end: number;
}

/**
 * Content of the last complete block of a tag that stands outside the reasoning, trimmed; null when there is none.
 * Reasoning reaches from `<think>` to `</think>`, to the end when it is never closed, and from the beginning when it is
 * never opened (a template that writes `<think>` itself). Linear in the length of the text.
 */
export function lastBlock(text: string, tag: AnswerTag): string | null {
  const visible = visibleText(text);
  let open: number | null = null;
  let content: string | null = null;
  for (const mark of tagMarks(visible)) {
    if (mark.tag !== tag) continue;
    if (!mark.isClosing) open = mark.end;
    else if (open !== null) {
      content = visible.slice(open, mark.start);
      open = null;
    }
  }
  return content === null ? null : content.trim();
}

/**
 * What is wrong with the layout, or null: exactly one block of each tag, in order, each with content, and nothing but
 * white space outside.
 */
export function layoutProblem(text: string, tags: readonly BlockTag[]): string | null {
  const marks = tagMarks(text);
  for (const tag of blockTags) {
    const problem = tagProblem(marks, tag, tags.includes(tag));
    if (problem !== null) return problem;
  }
  let position = 0;
  for (const [i, tag] of tags.entries()) {
    const opening = marks[2 * i];
    const closing = marks[2 * i + 1];
    const isInOrder = opening?.tag === tag && !opening.isClosing && closing?.tag === tag && closing.isClosing;
    if (!isInOrder) return "tags-out-of-order";
    if (text.slice(position, opening.start).trim() !== "") return "text-outside-tags";
    if (text.slice(opening.end, closing.start).trim() === "") return `empty-${tag}`;
    position = closing.end;
  }
  return text.slice(position).trim() === "" ? null : "text-outside-tags";
}

/** What stands outside the reasoning. */
export function visibleText(text: string): string {
  const marks = tagMarks(text).filter((m) => m.tag === "think");
  const first = marks[0];
  if (first === undefined) return text;
  const pieces: string[] = [];
  let position = first.isClosing ? null : 0;
  for (const mark of marks) {
    // A closing tag too many hides nothing.
    if (mark.isClosing && position !== null) pieces.push(text.slice(position, mark.start));
    if (mark.isClosing) position = mark.end;
    else if (position !== null) {
      pieces.push(text.slice(position, mark.start));
      position = null;
    }
  }
  if (position !== null) pieces.push(text.slice(position));
  // A space, so that the halves of a torn tag do not become one.
  return pieces.join(" ");
}

function tagProblem(marks: readonly TagMark[], tag: BlockTag, isAsked: boolean): string | null {
  const opening = marks.filter((m) => m.tag === tag && !m.isClosing).length;
  const closing = marks.filter((m) => m.tag === tag && m.isClosing).length;
  if (!isAsked) return opening + closing === 0 ? null : `unasked-${tag}-tag`;
  if (opening === 0 || closing === 0) return `no-${tag}-tag`;
  return opening === 1 && closing === 1 ? null : `repeated-${tag}-tag`;
}

function tagMarks(text: string): TagMark[] {
  return [...text.matchAll(/<(\/?)(think|answer|glue)>/g)].map((match) => ({
    // SAFETY: the pattern lists the tags.
    tag: match[2] as BlockTag,
    isClosing: match[1] === "/",
    start: match.index,
    end: match.index + match[0].length,
  }));
}
