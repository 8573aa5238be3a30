import type { EvaluatedExample } from "../../protocol/records.ts";
import type { BoundingBox, Segment, TimedBox, Truth } from "../../protocol/tasks.ts";
import type { ReportFrame } from "./frames.ts";
import { html, type Html } from "./html.ts";

/** A row of a time line: the truth, or the answer of an evaluation. */
interface Lane {
  readonly name: string;
  readonly className: string;
  readonly segments: readonly Segment[];
}

/** True segments above those of each answer, on the video's length; null for tasks without segments. */
export function timeline(
  truth: Truth,
  durationSec: number | null,
  answers: readonly (EvaluatedExample | null)[],
  labels: readonly string[],
): Html | null {
  const right = trueSegments(truth);
  if (right === null) return null;
  const lanes: Lane[] = [
    { name: "Truth", className: "truth", segments: right },
    ...answers.map((answer, i) => ({
      name: labels[i] ?? "",
      className: `s${i % 4}`,
      segments: answeredSegments(answer),
    })),
  ];
  const latest = Math.max(...lanes.flatMap(({ segments }) => segments.map(({ endSec }) => endSec)), 0);
  const length = durationSec ?? latest;
  return html`<div>${lanes.map((lane) => laneRow(lane, Math.max(length, 1e-3)))}</div>`;
}

/** null for tasks without segments. */
export function trueSegments(truth: Truth): readonly Segment[] | null {
  if (truth.task === "temporal-grounding") return [truth.segment];
  return truth.task === "grounded-qa" ? truth.segments : null;
}

export function answeredSegments(answer: EvaluatedExample | null): readonly Segment[] {
  const parsed = answer?.parsed;
  if (parsed === null || parsed === undefined) return [];
  return parsed.segments ?? (parsed.segment === undefined ? [] : [parsed.segment]);
}

/** Frames with the true boxes and those of each answer at the nearest time. */
export function frameStrip(
  frames: readonly ReportFrame[],
  truth: Truth,
  answers: readonly (EvaluatedExample | null)[],
  question: string,
): Html | null {
  if (frames.length === 0) return null;
  const boxes = truth.task === "tracking" ? truth.boxes : [];
  return html`<div class="frames">
    ${frames.map((frame) => {
      const index = nearest(boxes, frame.timestampSec);
      const drawn = [
        ...(index === null ? [] : [boxRect(boxes[index]?.box, "truth")]),
        ...answers.map((answer, i) => (index === null ? null : boxRect(answer?.parsed?.boxes?.[index], `s${i % 4}`))),
      ];
      return frameFigure(frame, drawn, question);
    })}
  </div>`;
}

function laneRow({ name, className, segments }: Lane, lengthSec: number): Html {
  const text = segments.map(({ startSec, endSec }) => `${startSec.toFixed(1)}–${endSec.toFixed(1)} s`).join(", ");
  const x = (sec: number): string => (100 * Math.min(1, Math.max(0, sec / lengthSec))).toFixed(2);
  const width = ({ startSec, endSec }: Segment): string =>
    Math.max(0.4, Number(x(endSec)) - Number(x(startSec))).toFixed(2);
  return html`<div class="lane">
    <span>${name}</span>
    <svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
      <rect class="track" x="0" y="0" width="100" height="10" />
      ${segments.map(
        (segment) =>
          html`<rect class="${className}" x="${x(segment.startSec)}" y="0" width="${width(segment)}" height="10" />`,
      )}
    </svg>
    <span>${text === "" ? "none" : text}</span>
  </div>`;
}

function frameFigure(
  { dataUri, widthPx, heightPx, timestampSec }: ReportFrame,
  drawn: readonly (Html | null)[],
  question: string,
): Html {
  const height = (100 * heightPx) / Math.max(1, widthPx);
  return html`<figure>
    <svg
      viewBox="0 0 100 ${height.toFixed(2)}"
      role="img"
      aria-label="Frame at ${timestampSec.toFixed(1)} seconds: ${question}"
    >
      <image href="${dataUri}" x="0" y="0" width="100" height="${height.toFixed(2)}" preserveAspectRatio="none" />
      <g transform="scale(1 ${(height / 100).toFixed(4)})">${drawn}</g>
    </svg>
    <figcaption>${timestampSec.toFixed(1)} s</figcaption>
  </figure>`;
}

/** In hundredths of the frame; the group that holds it is scaled to the frame's height. */
function boxRect(box: BoundingBox | undefined, className: string): Html | null {
  if (box === undefined) return null;
  const percent = (value: number): string => (100 * value).toFixed(2);
  const [width, height] = [Math.max(0, box.x1 - box.x0), Math.max(0, box.y1 - box.y0)];
  return html`<rect
    class="box ${className}"
    x="${percent(box.x0)}"
    y="${percent(box.y0)}"
    width="${percent(width)}"
    height="${percent(height)}"
  />`;
}

function nearest(boxes: readonly TimedBox[], sec: number): number | null {
  if (boxes.length === 0) return null;
  const distance = (i: number): number => Math.abs((boxes[i]?.timestampSec ?? Infinity) - sec);
  return boxes.reduce((best, _, i) => (distance(i) < distance(best) ? i : best), 0);
}
