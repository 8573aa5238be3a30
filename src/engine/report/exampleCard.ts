import path from "node:path";
import type { AskedQuestion, EvaluatedExample } from "../../protocol/records.ts";
import type { Truth } from "../../protocol/tasks.ts";
import { hullOf } from "../metrics/segments.ts";
import type { FramesAt } from "./frames.ts";
import { html, type Html, type HtmlValue } from "./html.ts";
import { answeredSegments, frameStrip, timeline, trueSegments } from "./overlays.ts";
import type { ShownExample } from "./reportData.ts";

/** Characters of an answer that are shown; a model that repeats itself fills pages. */
const mostCharacters = 1200;
const framesOfExample = 4;

/** What was asked, what is right, and what each evaluation answered, with frames and overlays. */
export async function exampleCard(shown: ShownExample, labels: readonly string[], framesAt: FramesAt): Promise<Html> {
  const { datasetId, exampleId, metric, answers } = shown;
  const asked = answers.map((answer) => answer?.asked).find((one) => one !== undefined);
  const values = answers.map((answer) => (answer === null ? "–" : (answer.metrics[metric] ?? 0).toFixed(3)));
  return html`<article class="example">
    <h4>${datasetId}/${exampleId}</h4>
    <p class="muted">${metric} ${values.join(" → ")}</p>
    ${asked === undefined ? null : await question(asked, answers, labels, framesAt)}
    <div class="answers">${answers.map((answer, i) => answerBlock(answer, labels[i] ?? "", i, answers.length))}</div>
  </article>`;
}

async function question(
  asked: AskedQuestion,
  answers: readonly (EvaluatedExample | null)[],
  labels: readonly string[],
  framesAt: FramesAt,
): Promise<Html> {
  const { truth, durationSec, videoPath } = asked;
  const nearSec = shownTimes(truth, answers);
  const { frames, problem } = await framesAt(asked, {
    count: framesOfExample,
    ...(nearSec === undefined ? {} : { nearSec }),
  });
  return html`<p>${asked.question}</p>
    ${options(asked)}
    <p>Right: ${rightAnswer(truth)}</p>
    ${timeline(truth, durationSec, answers, labels)} ${frameStrip(frames, truth, answers, asked.question)}
    ${problem === null ? null : html`<p class="muted">Frames: ${path.basename(videoPath)}, ${problem}</p>`}`;
}

/** Times of the boxes; for segments equal steps over all that is true or answered; undefined: over the whole clip. */
function shownTimes(truth: Truth, answers: readonly (EvaluatedExample | null)[]): readonly number[] | undefined {
  if (truth.task === "tracking") return truth.boxes.map(({ timestampSec }) => timestampSec);
  const right = trueSegments(truth);
  const all = [...(right ?? []), ...answers.flatMap(answeredSegments)];
  const hull = right === null ? null : hullOf(all);
  if (hull === null) return undefined;
  const step = (hull.endSec - hull.startSec) / (framesOfExample - 1);
  return Array.from({ length: framesOfExample }, (_, i) => hull.startSec + i * step);
}

function options({ options: texts }: AskedQuestion): HtmlValue {
  if (texts === undefined || texts.length === 0) return null;
  return html`<p>${texts.map((text, i) => html`(${String.fromCharCode(65 + i)}) ${text} `)}</p>`;
}

function rightAnswer(truth: Truth): string {
  switch (truth.task) {
    case "temporal-grounding":
      return `${truth.segment.startSec.toFixed(1)} to ${truth.segment.endSec.toFixed(1)} s`;
    case "tracking":
      return `${truth.boxes.length} boxes`;
    case "grounded-qa":
    case "multiple-choice":
      return `(${truth.option})`;
    case "classification":
      return truth.label;
    case "captioning":
      return truth.captions[0] ?? "nobody says";
    case "open":
      return truth.answer ?? "nobody says";
    default:
      return truth satisfies never;
  }
}

function answerBlock(answer: EvaluatedExample | null, label: string, series: number, count: number): Html {
  const name = html`<svg class="key" viewBox="0 0 10 10" aria-hidden="true">
      <rect class="s${series % 4}" width="10" height="10" /></svg
    >${count > 1 ? label : "Answer"}`;
  if (answer === null)
    return html`<div>
      ${name}
      <p class="muted">Not in this evaluation.</p>
    </div>`;
  const failures = answer.parsed?.failures ?? [];
  const note = answer.failure?.message ?? (failures.length > 0 ? `Not parsed: ${failures.join(", ")}` : null);
  return html`<div>
    ${name} ${note === null ? null : html`<p class="warn">${note}</p>`}
    <pre>${shortened(answer.text)}</pre>
  </div>`;
}

function shortened(text: string): string {
  if (text === "") return "(no text)";
  return text.length > mostCharacters ? `${text.slice(0, mostCharacters)}… (${text.length} characters)` : text;
}
