import type { BoundingBox, Segment } from "../../src/protocol/tasks.ts";

/** A completion cut at its tags, in order. Nothing of the text is lost but the tags and blank text between sections. */
export interface CompletionSection {
  readonly kind: "think" | "answer" | "glue" | "text";
  readonly text: string;
  /** False when the closing tag is missing, as in a completion that was cut by length. */
  readonly isClosed: boolean;
}

export function splitCompletion(text: string): readonly CompletionSection[] {
  const sections: CompletionSection[] = [];
  let position = 0;
  while (position < text.length) {
    const open = /<(think|answer|glue)>/i.exec(text.slice(position));
    const plain = text.slice(position, open === null ? undefined : position + open.index);
    if (plain.trim() !== "") sections.push({ kind: "text", text: plain.trim(), isClosed: true });
    if (open === null) break;
    const kind = sectionKind(open[1]);
    const start = position + open.index + open[0].length;
    const close = new RegExp(`</${kind}>`, "i").exec(text.slice(start));
    const end = close === null ? text.length : start + close.index;
    sections.push({ kind, text: text.slice(start, end).trim(), isClosed: close !== null });
    position = close === null ? text.length : end + close[0].length;
  }
  return sections;
}

/** A piece of text that may lead somewhere. The texts of all tokens put together give the input again. */
export type TextToken =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "time"; readonly text: string; readonly timeSec: number; readonly isInside: boolean }
  | { readonly kind: "interval"; readonly text: string; readonly segment: Segment; readonly isInside: boolean }
  /** `position` counts the boxes of the text from 0: the position of a track's answer. */
  | { readonly kind: "box"; readonly text: string; readonly box: BoundingBox; readonly position: number };

export interface LinkOptions {
  readonly durationSec: number;
  /** The task is about times: decimals without a unit are seconds too ("5.0 to 10.0"). Else a unit or mm:ss is needed. */
  readonly numbersAreTimes: boolean;
}

/** Finds times, intervals and boxes in model text. */
export function linkText(text: string, options: LinkOptions): readonly TextToken[] {
  const tokens: TextToken[] = [];
  let plainStart = 0;
  let boxPosition = 0;
  for (const match of text.matchAll(linkPattern)) {
    const token = tokenOf(match, options, boxPosition);
    if (match.groups?.["x0"] !== undefined) boxPosition += 1;
    if (token === null) continue;
    if (match.index > plainStart) tokens.push({ kind: "text", text: text.slice(plainStart, match.index) });
    tokens.push(token);
    plainStart = match.index + match[0].length;
  }
  if (plainStart < text.length) tokens.push({ kind: "text", text: text.slice(plainStart) });
  return tokens;
}

/** A piece of a text: what is written from `from` up to `to`. */
export interface TextPlace {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** Where the numbers of each interval stand, units and brackets left out. */
export function intervalPlaces(text: string): readonly { readonly start: TextPlace; readonly end: TextPlace }[] {
  return [...text.matchAll(new RegExp(interval, "gid"))].flatMap((match) => {
    const start = placeOf(match, "start");
    const end = placeOf(match, "end");
    return start === null || end === null ? [] : [{ start, end }];
  });
}

/** Where each box stands with its brackets. */
export function boxPlaces(text: string): readonly TextPlace[] {
  return [...text.matchAll(new RegExp(box, "g"))].map((match) => ({
    from: match.index,
    to: match.index + match[0].length,
    text: match[0],
  }));
}

function placeOf(match: RegExpMatchArray, name: string): TextPlace | null {
  const [from, to] = match.indices?.groups?.[name] ?? [];
  const text = match.groups?.[name];
  return from === undefined || to === undefined || text === undefined ? null : { from, to, text };
}

const number = String.raw`\d+(?:\.\d+)?`;
const clock = String.raw`\d{1,3}:[0-5]\d(?::[0-5]\d)?(?:\.\d+)?`;
const unit = String.raw`\s?(?:seconds|second|secs|sec|s)(?![\w])`;
const notInsideWord = String.raw`(?<![\w.:\-])`;
const notBeforeWord = String.raw`(?![\w%:]|\.\d)`;

const box = String.raw`\[\s*(?<x0>${number})\s*,\s*(?<y0>${number})\s*,\s*(?<x1>${number})\s*,\s*(?<y1>${number})\s*\]`;
/** "5.0 to 10.0", "5-10 s", "00:05 – 00:10", "between 5 and 10", "(5.0, 10.0)", "[5, 10]". */
const interval = [
  String.raw`${notInsideWord}(?<start>${clock}|${number})(?<startUnit>${unit})?`,
  String.raw`(?:\s*(?:to|until|-|–|—|~)\s*|(?<=between\s+${number}(?:${unit})?)\s+and\s+|(?<=[(\[]\s*${number})\s*,\s*(?=${number}\s*[)\]]))`,
  String.raw`(?<end>${clock}|${number})(?<endUnit>${unit})?${notBeforeWord}`,
].join("");
const time = String.raw`(?:(?<preposition>(?<=\b(?:at|from|until|till|around|about|after|before|by|near)\s))|)${notInsideWord}(?<time>${clock}|${number})(?<timeUnit>${unit})?${notBeforeWord}`;

const linkPattern = new RegExp(`${box}|${interval}|${time}`, "gi");

function tokenOf(match: RegExpMatchArray, options: LinkOptions, boxPosition: number): TextToken | null {
  const groups = match.groups ?? {};
  if (groups["x0"] !== undefined) return boxToken(match[0], groups, boxPosition);
  if (groups["start"] !== undefined && groups["end"] !== undefined) {
    const hasUnit =
      groups["startUnit"] !== undefined || groups["endUnit"] !== undefined || groups["start"].includes(":");
    if (!hasUnit && !options.numbersAreTimes) return null;
    const segment = { startSec: parseTime(groups["start"]), endSec: parseTime(groups["end"]) };
    const isInside = isWithin(segment.startSec, options) && isWithin(segment.endSec, options);
    return { kind: "interval", text: match[0], segment, isInside };
  }
  return timeToken(match[0], groups, options);
}

function boxToken(text: string, groups: Readonly<Record<string, string>>, position: number): TextToken | null {
  const [x0, y0, x1, y1] = ["x0", "y0", "x1", "y1"].map((name) => Number(groups[name]));
  if (x0 === undefined || y0 === undefined || x1 === undefined || y1 === undefined) return null;
  if (Math.max(x0, y0, x1, y1) > 1) return null; // Not normalised: four numbers of another meaning.
  return { kind: "box", text, box: { x0, y0, x1, y1 }, position };
}

function timeToken(text: string, groups: Readonly<Record<string, string>>, options: LinkOptions): TextToken | null {
  const written = groups["time"];
  if (written === undefined) return null;
  const saysTime = written.includes(":") || groups["timeUnit"] !== undefined;
  const readsAsTime = written.includes(".") || groups["preposition"] !== undefined;
  if (!saysTime && !(options.numbersAreTimes && readsAsTime)) return null;
  const timeSec = parseTime(written);
  return { kind: "time", text, timeSec, isInside: isWithin(timeSec, options) };
}

/** Seconds of "5.0", "1:05" or "1:02:03.5". */
function parseTime(written: string): number {
  return written.split(":").reduce((seconds, part) => seconds * 60 + Number(part), 0);
}

/** Durations are rounded in annotations, so a little over the end is still inside. */
function isWithin(timeSec: number, options: LinkOptions): boolean {
  return timeSec <= options.durationSec + 0.5;
}

function sectionKind(tag: string | undefined): "think" | "answer" | "glue" {
  const name = tag?.toLowerCase();
  if (name === "think" || name === "answer" || name === "glue") return name;
  throw new Error(`internal: unknown section tag ${String(tag)}`);
}
