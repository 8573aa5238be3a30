import type { CompletionRecord, GroupRecord, RewardPart } from "../../protocol/records.ts";
import type { BoundingBox, ParsedAnswer, Segment, Truth } from "../../protocol/tasks.ts";

/** A titled stretch of a rollout document; lines are 0-based, the end is inclusive. */
export interface DocumentSection {
  readonly title: string;
  readonly detail: string;
  readonly start: number;
  readonly end: number;
  readonly children: readonly DocumentSection[];
}

export interface RolloutText {
  readonly text: string;
  readonly sections: readonly DocumentSection[];
}

/**
 * A rollout as text to read and to compare: the same sections in the same order for every one, and a fact a line, so that
 * a diff of two shows what differs. What the policy wrote stands as it is.
 */
export function rolloutText(group: GroupRecord, completion: CompletionRecord): RolloutText {
  const writer = new Writer();
  const { task, datasetId, exampleId, question, options, truth, video } = group;
  writer.section("Example", `${datasetId}/${exampleId}`, () => {
    writer.fact("Dataset", datasetId);
    writer.fact("Example", exampleId);
    writer.fact("Task", task);
    writer.fact("Question", question);
    (options ?? []).forEach((option, i) => writer.fact(`Option ${String.fromCharCode(65 + i)}`, option));
    for (const [name, value] of truthFacts(truth)) writer.fact(name, value);
  });
  writer.section("Prompt", "", () => writer.block(group.prompt));
  writer.section("Completion", lengthText(completion), () => {
    for (const { title, lines } of completionParts(completion.text)) {
      if (title === null) writer.lines(lines);
      else writer.section(title, "", () => writer.lines(lines), false);
    }
  });
  writer.section("Answer", completion.parsed.failures.join(", "), () => {
    for (const [name, value] of answerFacts(completion.parsed)) writer.fact(name, value);
  });
  writer.section("Rewards", valueText(completion.reward), () => {
    for (const part of completion.rewards) rewardFacts(writer, part);
    writer.fact("Sum", valueText(completion.reward));
    writer.fact("Mean of the group", valueText(group.rewardMean));
    writer.fact("Deviation of the group", valueText(group.rewardStd));
    writer.fact("Advantage", valueText(completion.advantage));
  });
  writer.section("Policy", "", () => {
    writer.fact("Tokens", valueText(completion.tokenCount));
    writer.fact("End", endText(completion));
    writer.fact("Mean entropy", valueText(completion.meanEntropy));
    writer.fact("Mean KL", valueText(completion.meanKl));
  });
  if (video !== null) {
    writer.section("Video", video.path, () => {
      writer.fact("File", video.path);
      writer.fact("Duration", `${valueText(video.durationSec)} s`);
      writer.fact("Frames seen", `${video.timestampsSec.length} of ${video.widthPx} × ${video.heightPx} pixels`);
      writer.fact("Times seen", video.timestampsSec.map((time) => time.toFixed(2)).join(" "));
      writer.fact("Visual tokens", valueText(video.visualTokens));
    });
  }
  writer.section("Row", "", () => writer.block(JSON.stringify(group.row, null, 2) ?? "null"));
  return writer.end();
}

class Writer {
  private readonly rows: string[] = [];
  private readonly open: DocumentSection[][] = [[]];

  section(title: string, detail: string, write: () => void, hasHead = true): void {
    const start = this.rows.length;
    if (hasHead) this.rows.push(`${title}`, "─".repeat(Math.max(3, title.length)));
    this.open.push([]);
    write();
    const children = this.open.pop() ?? [];
    const end = Math.max(start, this.rows.length - 1);
    this.open.at(-1)?.push({ title, detail, start, end, children });
    if (hasHead) this.rows.push("");
  }

  fact(name: string, value: string): void {
    const [first = "", ...others] = value.split("\n");
    this.rows.push(`${name}: ${first}`, ...others.map((row) => `  ${row}`));
  }

  block(text: string): void {
    this.lines(text.split("\n"));
  }

  lines(lines: readonly string[]): void {
    this.rows.push(...lines);
  }

  end(): RolloutText {
    return { text: this.rows.join("\n"), sections: this.open[0] ?? [] };
  }
}

/** The text of a completion in lines, parted at its tags, which stay where they are. */
function completionParts(
  text: string,
): readonly { readonly title: string | null; readonly lines: readonly string[] }[] {
  const parts: { title: string | null; lines: string[] }[] = [];
  let title: string | null = null;
  for (const row of text.replace(/(<\/(?:think|answer|glue)>)(?!\n|$)/g, "$1\n").split("\n")) {
    const opened = /<(think|answer|glue)>/.exec(row)?.[1];
    if (opened !== undefined) title = titles[opened] ?? null;
    const last = parts.at(-1);
    if (last !== undefined && last.title === title && opened === undefined) last.lines.push(row);
    else parts.push({ title, lines: [row] });
    if (/<\/(?:think|answer|glue)>/.test(row)) title = null;
  }
  return parts;
}

const titles: Readonly<Record<string, string>> = { think: "Reasoning", answer: "Final answer", glue: "Glue" };

function rewardFacts(writer: Writer, { name, weight, value, parts, reason, error }: RewardPart): void {
  writer.fact(name, weight === 1 ? valueText(value) : `${valueText(value)} × ${weight}`);
  for (const [part, number] of Object.entries(parts ?? {})) writer.fact(`  ${name}.${part}`, valueText(number));
  if (reason !== undefined) writer.fact(`  ${name} says`, reason);
  if (error !== undefined) writer.fact(`  ${name} failed`, `${error.kind}: ${error.message}`);
}

function truthFacts(truth: Truth): readonly (readonly [string, string])[] {
  switch (truth.task) {
    case "temporal-grounding":
      return [["Truth", segmentText(truth.segment)]];
    case "tracking":
      return truth.boxes.map(
        ({ timestampSec, box }) => [`Truth at ${timestampSec.toFixed(2)} s`, boxText(box)] as const,
      );
    case "grounded-qa":
      return [["Truth", truth.option], ...truth.segments.map((one) => ["Truth", segmentText(one)] as const)];
    case "multiple-choice":
      return [["Truth", truth.option]];
    case "classification":
      return [["Truth", truth.label]];
    case "captioning":
      return truth.captions.map((caption) => ["Truth", caption] as const);
    case "open":
      return [["Truth", truth.answer ?? "not known"]];
  }
}

function answerFacts(parsed: ParsedAnswer): readonly (readonly [string, string])[] {
  const segments = parsed.segments ?? (parsed.segment === undefined ? [] : [parsed.segment]);
  return [
    ...segments.map((one) => ["Segment", segmentText(one)] as const),
    ...(parsed.boxes ?? []).map((box, i) => [`Box ${i + 1}`, boxText(box)] as const),
    ...(parsed.option === undefined ? [] : [["Option", parsed.option] as const]),
    ...(parsed.text === undefined ? [] : [["Text", parsed.text] as const]),
    ...parsed.failures.map((failure) => ["Failure", failure] as const),
  ];
}

function segmentText({ startSec, endSec }: Segment): string {
  return `${startSec.toFixed(2)} s to ${endSec.toFixed(2)} s`;
}

function boxText({ x0, y0, x1, y1 }: BoundingBox): string {
  return [x0, y0, x1, y1].map((side) => side.toFixed(3)).join(" ");
}

function valueText(value: number | null): string {
  return value === null ? "–" : String(Math.round(value * 1e4) / 1e4);
}

function lengthText({ tokenCount }: CompletionRecord): string {
  return tokenCount === null ? "" : `${tokenCount} tokens`;
}

function endText({ finishReason }: CompletionRecord): string {
  return finishReason === null ? "–" : finishReason === "eos" ? "end of answer" : "cut off at the length limit";
}
