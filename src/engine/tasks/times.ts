import type { Segment } from "../../protocol/tasks.ts";

/** Two times as they stand in the text; the second may come before the first. */
export interface TimePair {
  readonly firstSec: number;
  readonly secondSec: number;
}

export interface TimesInText {
  /** Pairs joined by "to", "and", a dash, a comma or a line break, in the order of the text. */
  readonly pairs: readonly TimePair[];
  /** Times that belong to no pair. */
  readonly unpaired: number;
}

interface TimeToken {
  readonly valueSec: number;
  readonly isValid: boolean;
  readonly start: number;
  readonly end: number;
}

/** "5.0": one decimal, as prompts and targets print times. */
export function formatSec(valueSec: number): string {
  return valueSec.toFixed(1);
}

/**
 * A segment as it is printed: one decimal, and the end at least 0.1 s after the start, so that a very short event does
 * not become an answer without length.
 */
export function printableSegment(segment: Segment): { start: string; end: string } {
  const start = formatSec(segment.startSec);
  const end = formatSec(segment.endSec);
  return Number(end) > Number(start) ? { start, end } : { start, end: formatSec(Number(start) + 0.1) };
}

/**
 * Times in seconds: "5", "5.0s", "5.0 seconds", "00:05", "0:00:05.5", "1 min 5 s". Numbers with another unit ("10 %",
 * "5 frames", "5 ms") or with a minus are no times and break a pair. Linear in the length of the text.
 */
export function findTimes(text: string): TimesInText {
  const tokens = timeTokens(text);
  const pairs: TimePair[] = [];
  let unpaired = 0;
  for (let i = 0; i < tokens.length;) {
    const first = tokens[i];
    const second = tokens[i + 1];
    if (first === undefined) break;
    if (second !== undefined && first.isValid && second.isValid && joins(text.slice(first.end, second.start))) {
      pairs.push({ firstSec: first.valueSec, secondSec: second.valueSec });
      i += 2;
    } else {
      unpaired++;
      i++;
    }
  }
  return { pairs, unpaired };
}

/** "It starts at 5.0 s and ends at 10.0 s": exactly two times, the second announced as the end. */
export function findDescribedPair(text: string): TimePair | null {
  const [first, second, ...rest] = timeTokens(text);
  if (first === undefined || second === undefined || rest.length > 0 || !first.isValid || !second.isValid) return null;
  const isStart = /\b(start|starts|starting|start_time|begin|begins|beginning|from)\b/i.test(
    text.slice(0, first.start),
  );
  const isEnd = /\b(end|ends|ending|end_time|finish|finishes|stop|stops|until)\b/i.test(
    text.slice(first.end, second.start),
  );
  return isStart && isEnd ? { firstSec: first.valueSec, secondSec: second.valueSec } : null;
}

const joiners = new Set(["to", "and", "until", "till", "through", "-", "–", "—", "−", "~", "→", "->", "-->", ",", ""]);
/** Emphasis of Markdown, and brackets around times: "**5.0** to **10.0**", "<5.0 s> - <10.0 s>". */
const wrapping = /[*_`]+|^\s?>|<\s?$/g;

function joins(between: string): boolean {
  if (between === "") return false;
  const word = between.replace(wrapping, "").trim().toLowerCase();
  // Two numbers with only blanks between them are a pair when a line break parts them.
  return joiners.has(word) && (word !== "" || between.includes("\n"));
}

// Clock, minutes and seconds, plain number. Digits of the clock are bounded, so that long digit runs stay linear.
const timePattern = new RegExp(
  [
    /(?:(?<hours>\d{1,2}):)?(?<minutes>\d{1,3}):(?<seconds>\d{2}(?:\.\d+|,\d{3}(?!\d))?)/, // subtitles write 00:00:05,000
    /(?<wholeMinutes>\d+)\s?(?:minutes?|mins?|m)(?![a-z]),?\s?(?:and\s)?(?<restSeconds>\d+(?:\.\d+)?)(?=\s?s)/,
    /(?<number>\d+(?:\.\d+)?|\.\d+)/,
  ]
    .map((r) => r.source)
    .join("|"),
  "gi",
);

function timeTokens(text: string): TimeToken[] {
  const tokens: TimeToken[] = [];
  for (const match of text.matchAll(timePattern)) {
    const groups = match.groups ?? {};
    const start = match.index;
    const unit = unitAfter(text, start + match[0].length);
    const valueSec = tokenValueSec(groups);
    const isNegative = hasMinus(text, start, tokens.at(-1)?.end ?? null);
    const isFrame = /frames?\s?$/i.test(text.slice(Math.max(0, start - 8), start));
    tokens.push({
      valueSec,
      isValid: Number.isFinite(valueSec) && unit.isTime && !isNegative && !isFrame,
      start,
      end: unit.end,
    });
  }
  return tokens;
}

function tokenValueSec(groups: Readonly<Record<string, string | undefined>>): number {
  if (groups.minutes !== undefined) {
    return Number(groups.hours ?? 0) * 3600 + Number(groups.minutes) * 60 + Number(groups.seconds?.replace(",", "."));
  }
  if (groups.wholeMinutes !== undefined) return Number(groups.wholeMinutes) * 60 + Number(groups.restSeconds);
  return Number(groups.number);
}

/** A minus belongs to the number unless it joins two times: "5 - 10" and "5-10" are intervals, "-5" and "to -5" are not. */
function hasMinus(text: string, start: number, previousEnd: number | null): boolean {
  if (text[start - 1] !== "-") return false;
  return previousEnd === null || text.slice(previousEnd, start).trim() !== "-";
}

function unitAfter(text: string, end: number): { isTime: boolean; end: number } {
  const rest = text.slice(end, end + 16);
  const unit = /^\s{0,3}(?:seconds?|secs?|s)\b(?:\.(?!\d))?/i.exec(rest);
  if (unit !== null) return { isTime: true, end: end + unit[0].length };
  return {
    isTime: !/^\s{0,3}(%|percent|frames?\b|fps\b|ms\b|milliseconds?\b|minutes?\b|mins?\b|h\b|hours?\b)/i.test(rest),
    end,
  };
}
