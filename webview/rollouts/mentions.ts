import { t } from "@vscode/l10n";
import type { BoundingBox, Segment } from "../../src/protocol/tasks.ts";
import { linkText } from "./completionText.ts";
import type { CompletionSection, LinkOptions, TextToken } from "./completionText.ts";
import { formatSegments, formatTime } from "./format.ts";
import { boxIou, tIou } from "./geometry.ts";

/** A place in a section's text that says something else than the answer does. */
export interface Contradiction {
  readonly section: number; // index
  readonly start: number; // offset in the section's text
  readonly end: number;
  readonly explanation: string;
}

export interface AnsweredCompletion {
  readonly sections: readonly CompletionSection[];
  readonly segments: readonly Segment[];
  readonly firstBox: BoundingBox | null;
  readonly option: string | null;
}

export interface MentionContext extends LinkOptions {
  /** The event, the object or the question: a clause that shares a word with it speaks of what was asked. */
  readonly question: string;
}

/**
 * Where the reasoning contradicts the answer. A false alarm costs more trust than a missed one earns, so only a clause
 * counts that says of what was asked that it starts, ends or happens at a time, or names the answer; listed times ("0.5
 * no 1.5 spins") say nothing. What is taken back later, or comes near the answer, is left alone.
 */
export function contradictions(completion: AnsweredCompletion, context: MentionContext): readonly Contradiction[] {
  return completion.sections.flatMap((section, index) => {
    if (section.kind !== "think") return [];
    const claims = [...timeClaims(section.text, context), ...optionClaims(section.text)];
    const claimed = claims.sort((a, b) => a.start - b.start);
    return claimed
      .filter((claim) => isContradicted(claim, completion, context))
      .filter((claim) => !isTakenBack(section.text, claim, claimed, completion, context))
      .map(({ start, end, ...claim }) => ({
        section: index,
        start,
        end,
        explanation: explain(claim, completion),
      }));
  });
}

/** Whether a mention speaks of the very segment or box that is pointed at; texts are rounded. */
export function speaksOf(token: TextToken, segments: readonly Segment[], box: BoundingBox | null): boolean {
  const isNear = (a: number, b: number): boolean => Math.abs(a - b) <= 0.051;
  switch (token.kind) {
    case "text":
      return false;
    case "time":
      return segments.some(({ startSec, endSec }) => isNear(token.timeSec, startSec) || isNear(token.timeSec, endSec));
    case "interval":
      return segments.some(
        ({ startSec, endSec }) => isNear(token.segment.startSec, startSec) && isNear(token.segment.endSec, endSec),
      );
    case "box":
      return (
        box !== null &&
        (["x0", "y0", "x1", "y1"] as const).every((side) => Math.abs(token.box[side] - box[side]) <= 0.0051)
      );
    default:
      throw new Error(`internal: unknown token ${JSON.stringify(token satisfies never)}`);
  }
}

type Claim = { readonly start: number; readonly end: number } & Claimed;
type Claimed =
  | { readonly kind: "start" | "end"; readonly timeSec: number }
  | { readonly kind: "interval"; readonly segment: Segment }
  | { readonly kind: "box"; readonly box: BoundingBox }
  | { readonly kind: "option"; readonly option: string };

const startCue = /\b(?:starts?|started|starting|begins?|began|beginning|onset|commences?)\b(?!\s+of\b)[^]{0,40}$/i;
const endCue = /\b(?:ends?|ended|ending|stops?|stopped|finish(?:es|ed)?|concludes?)\b(?!\s+of\b)[^]{0,40}$/i;
const eventCue =
  /\b(?:answer|event|action|segment|moment|interval|activity|happens|occurs|lasts|takes place|(?:so|therefore|thus|hence|guess|conclude)\b[^]{0,20})\b[^]{0,40}$/i;
const generic = /\b(?:it|this|that|event|action|answer|segment|moment|interval|activity)\b/i;
const denied = /\b(?:not|no|never|nothing|before|after|earlier|later|previous|instead|unlike|whereas)\b|n['’]t\b/i;
const takenBack = /\b(?:wait|actually|correction|hmm|instead|rather|mistake|re-?check|looking again)\b/i;

function timeClaims(text: string, context: MentionContext): readonly Claim[] {
  const claims: Claim[] = [];
  let offset = 0;
  let clauseStart = 0;
  let mentionEnd = 0;
  for (const token of linkText(text, context)) {
    const start = offset;
    const end = (offset += token.text.length);
    if (token.kind === "text") {
      const lastEnd = [...token.text.matchAll(/[.;!?](?=\s|$)|\n/g)].at(-1);
      if (lastEnd !== undefined) clauseStart = start + lastEnd.index + 1;
      continue;
    }
    const clause = text.slice(clauseStart, start);
    const before = text.slice(Math.max(clauseStart, mentionEnd), start);
    mentionEnd = end;
    const claim = denied.test(clause) || !speaksOfQuestion(clause, context) ? null : claimOf(token, before);
    if (claim !== null) claims.push({ ...claim, start, end });
  }
  return claims;
}

function claimOf(token: Exclude<TextToken, { kind: "text" }>, before: string): Claimed | null {
  if (token.kind === "interval") {
    return eventCue.test(before) || startCue.test(before) ? { kind: "interval", segment: token.segment } : null;
  }
  if (token.kind === "box") return startCue.test(before) ? { kind: "box", box: token.box } : null;
  if (startCue.test(before)) return { kind: "start", timeSec: token.timeSec };
  return endCue.test(before) ? { kind: "end", timeSec: token.timeSec } : null;
}

/** "the answer is B", "Answer: (C)." and the like; an article in capitals ("A dog") is none. */
function optionClaims(text: string): readonly Claim[] {
  const pattern =
    /\banswer\s*(?:is|:|=|would be|should be|must be)\s*(?:option\s+)?(?<letter>[("']?[A-H][)"']?)(?=[.,;\n]|$)/dgi;
  return [...text.matchAll(pattern)].flatMap((match): readonly Claim[] => {
    const [start, end] = match.indices?.groups?.["letter"] ?? [];
    const option = /[A-H]/.exec(match.groups?.["letter"] ?? "")?.[0];
    return start === undefined || end === undefined || option === undefined
      ? []
      : [{ kind: "option", option, start, end }];
  });
}

function isContradicted(claim: Claim, { segments, firstBox, option }: AnsweredCompletion, context: MentionContext) {
  const toleranceSec = toleranceOf(context);
  switch (claim.kind) {
    case "option":
      return option !== null && claim.option !== option;
    case "box":
      return firstBox !== null && boxIou(claim.box, firstBox) === 0;
    case "start":
    case "end":
      return segments.length > 0 && segments.every((segment) => gapSec(claim.timeSec, segment) > toleranceSec);
    case "interval": {
      const { startSec, endSec } = claim.segment;
      const isFar = (segment: Segment): boolean =>
        Math.max(segment.startSec - endSec, startSec - segment.endSec) > toleranceSec / 2;
      return segments.length > 0 && startSec <= endSec && segments.every(isFar);
    }
    default:
      throw new Error(`internal: unknown claim ${JSON.stringify(claim satisfies never)}`);
  }
}

/** A word of doubt right after it, or a later claim or interval that the answer agrees with. */
function isTakenBack(
  text: string,
  claim: Claim,
  claims: readonly Claim[],
  completion: AnsweredCompletion,
  context: MentionContext,
): boolean {
  if (takenBack.test(text.slice(claim.end, claim.end + 80))) return true;
  const isSameKind = (other: Claim): boolean => (other.kind === "option") === (claim.kind === "option");
  const later = claims.filter((other) => other.start > claim.start && isSameKind(other));
  if (later.some((other) => !isContradicted(other, completion, context))) return true;
  if (claim.kind === "option") return false;
  return linkText(text.slice(claim.end), context).some(
    (token) => token.kind === "interval" && completion.segments.some((segment) => tIou(token.segment, segment) > 0.5),
  );
}

function explain(claim: Claimed, { segments, option }: AnsweredCompletion): string {
  const answer = t("but the answer is {0}.", formatSegments(segments));
  switch (claim.kind) {
    case "option":
      return t("Says that the answer is {0}, but answers {1}.", claim.option, option ?? "nothing");
    case "box":
      return t("Says that it starts here, but the first box of the answer lies elsewhere.");
    case "start":
    case "end":
      return claim.kind === "start"
        ? t("Says that it starts at {0}, {1}", formatTime(claim.timeSec), answer)
        : t("Says that it ends at {0}, {1}", formatTime(claim.timeSec), answer);
    case "interval":
      return t("Says that it is at {0}, {1}", formatSegments([claim.segment]), answer);
    default:
      throw new Error(`internal: unknown claim ${JSON.stringify(claim satisfies never)}`);
  }
}

/** Rounding and frames apart: two seconds, or a tenth of the video. */
function toleranceOf({ durationSec }: LinkOptions): number {
  return Math.max(2, durationSec / 10);
}

function gapSec(timeSec: number, { startSec, endSec }: Segment): number {
  return Math.max(startSec - timeSec, timeSec - endSec, 0);
}

function speaksOfQuestion(clause: string, { question }: MentionContext): boolean {
  if (generic.test(clause)) return true;
  const asked = new Set(contentWords(question));
  return contentWords(clause).some((word) => asked.has(word));
}

/** Words of four letters and more, cut so that "touches" and "touching" are one. */
function contentWords(text: string): readonly string[] {
  const words: readonly string[] = text.toLowerCase().match(/\p{L}{4,}/gu) ?? [];
  return words
    .filter((word) => !/^(?:with|what|when|where|which|does|from|into|then|there|they|video)$/.test(word))
    .map((word) => word.slice(0, 5));
}
