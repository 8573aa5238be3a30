import fs from "node:fs";
import nodePath from "node:path";
import type { BoundingBox, TimedBox } from "../../../protocol/tasks.ts";
import type { AnnotationFiles } from "../annotationFiles.ts";
import type { ReadRow, ReportProblem, RowReaderInput } from "./rowReader.ts";
import { categoriesOf, numberOf, wrongLayout } from "./rowReader.ts";

/** VideoChat-R1 asks for so many, the given one included. */
const defaultBoxes = 8;
/** Rate of the annotated frames where meta_info.ini does not say. */
const defaultFrameRate = 10;
const truthFile = "groundtruth.txt";

/**
 * GOT-10k as it was published: a folder a sequence, with frames `00000001.jpg` and on, `groundtruth.txt` (a line x, y, width,
 * height in pixels a frame), `absence.label` (1 where the object is gone), `cover.label` (eighths of it that can be seen) and
 * `meta_info.ini`. Boxes are taken at equal steps over the frames, both ends included; where the object is absent, at the
 * nearest frame that shows it.
 */
export async function* readGot10k({ files, spec, report }: RowReaderInput): AsyncGenerator<ReadRow> {
  if (!files.isFolder()) throw wrongLayout(files.path, "text", "a folder of sequences");
  for (const name of sequenceNames(files)) {
    await Promise.resolve(); // thousands of small files: others get their turn
    const folder = nodePath.join(files.path, name);
    const path = [name, truthFile];
    const leave = (message: string, at: readonly (string | number)[] = path): void =>
      void report({ code: "bad-row", isKept: false, example: name, message, path: at });
    const text = files.textIfThere(nodePath.join(folder, truthFile));
    if (text === null) {
      leave(`There is no ${truthFile}.`, [name]);
      continue;
    }
    const labels = readLabels(files, folder);
    const meta = readMeta(files.textIfThere(nodePath.join(folder, "meta_info.ini")) ?? "");
    const boxesPx = text
      .split(/\r?\n/)
      .filter((line) => line.trim() !== "")
      .map(parseBox);
    const bad = boxesPx.findIndex((box) => box === null);
    if (bad >= 0) {
      leave(`Expected x,y,width,height in line ${bad + 1} of ${truthFile}.`, [...path, bad]);
      continue;
    }
    const { size } = meta;
    if (size === null) {
      leave("Expected a resolution: (width, height) in meta_info.ini, found none.", [name]);
      continue;
    }
    const frameRate = spec.frameRate ?? meta.frameRate ?? defaultFrameRate;
    const sequence = { name, boxesPx: boxesPx.filter((box) => box !== null), labels, size, frameRate };
    const boxes = sampleBoxes(sequence, spec.boxes ?? defaultBoxes, report);
    if (boxes === null) continue;
    yield {
      id: name,
      videoName: name,
      frameRate,
      durationSec: boxesPx.length / frameRate,
      question: meta.objectClass ?? "the object in the box",
      truth: { task: "tracking", boxes },
      categories: categoriesOf({
        class: meta.objectClass,
        major_class: meta.majorClass,
        motion_class: meta.motionClass,
      }),
      row: { sequence: name, frames: boxesPx.length, ...meta.values },
      path,
    };
  }
}

/** `list.txt` where there is one, as the toolkit reads it; else the folders. */
function sequenceNames(files: AnnotationFiles): string[] {
  const list = files.textIfThere(nodePath.join(files.path, "list.txt"));
  if (list !== null)
    return list
      .split(/\r?\n/)
      .map((line) => line.trim())
      .filter((line) => line !== "");
  const names = files.list().filter((name) => fs.existsSync(nodePath.join(files.path, name, truthFile)));
  if (names.length > 0) return names;
  throw wrongLayout(files.path, {}, `a folder of sequences, each with ${truthFile}`);
}

interface Sequence {
  readonly name: string;
  /** x, y, width, height a frame. */
  readonly boxesPx: readonly (readonly [number, number, number, number])[];
  readonly labels: { readonly absence: readonly number[]; readonly cover: readonly number[] };
  readonly size: { readonly widthPx: number; readonly heightPx: number };
  readonly frameRate: number;
}

function sampleBoxes(sequence: Sequence, count: number, report: ReportProblem): TimedBox[] | null {
  const { name, boxesPx, labels, size, frameRate } = sequence;
  const boxes = boxesPx.map((box) => normalised(box, size));
  const isShown = boxes.map((box, n) => labels.absence[n] !== 1 && box.x1 > box.x0 && box.y1 > box.y0);
  const shown = isShown.flatMap((is, n) => (is ? [n] : []));
  if (shown.length < 2 || boxesPx.length < count) {
    const message =
      boxesPx.length === 1
        ? "Only the first box is public (a test split); there is no truth to learn or score from."
        : `Expected at least ${count} frames and 2 that show the object, found ${boxesPx.length} and ${shown.length}.`;
    report({ code: "bad-row", isKept: false, example: name, message, path: [name, truthFile] });
    return null;
  }
  const frames = [...new Set(evenlySpread(boxesPx.length, count).map((wanted) => nearest(shown, wanted)))];
  return frames.flatMap((n): TimedBox[] => {
    const [box, cover] = [boxes[n], labels.cover[n]];
    if (box === undefined) return [];
    return [{ timestampSec: n / frameRate, box, ...(cover === undefined ? {} : { cover }) }];
  });
}

/** Numbers of frames at equal steps from the first to the last: round(linspace(0, total - 1, count)), as frames are picked. */
function evenlySpread(total: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => roundHalfToEven((i * (total - 1)) / (count - 1)));
}

function roundHalfToEven(value: number): number {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}

function nearest(shown: readonly number[], wanted: number): number {
  return shown.reduce((best, n) => (Math.abs(n - wanted) < Math.abs(best - wanted) ? n : best), shown[0] ?? wanted);
}

/** Annotators drew over the edge by fractions of a pixel; what lies outside of the frame is cut off. */
function normalised(
  [x, y, width, height]: readonly [number, number, number, number],
  size: Sequence["size"],
): BoundingBox {
  const clip = (value: number): number => Math.min(1, Math.max(0, value));
  return {
    x0: clip(x / size.widthPx),
    y0: clip(y / size.heightPx),
    x1: clip((x + width) / size.widthPx),
    y1: clip((y + height) / size.heightPx),
  };
}

function parseBox(line: string): [number, number, number, number] | null {
  const [x = NaN, y = NaN, width = NaN, height = NaN, ...rest] = line.split(",").map(numberOf);
  return rest.length > 0 || [x, y, width, height].some(Number.isNaN) ? null : [x, y, width, height];
}

function readLabels(files: AnnotationFiles, folder: string): Sequence["labels"] {
  const read = (file: string): number[] =>
    (files.textIfThere(nodePath.join(folder, file)) ?? "")
      .split(/\s+/)
      .filter((word) => word !== "")
      .map(numberOf);
  return { absence: read("absence.label"), cover: read("cover.label") };
}

function readMeta(text: string) {
  const values = Object.fromEntries(
    [...text.matchAll(/^\s*([a-z_]+)\s*[:=]\s*(.*?)\s*$/gm)].map(([, key = "", value = ""]) => [key, value]),
  );
  const rate = parseFloat(values["anno_fps"] ?? "");
  const [, width, height] = /\(\s*(\d+)\s*,\s*(\d+)\s*\)/.exec(values["resolution"] ?? "") ?? [];
  return {
    values,
    frameRate: rate > 0 ? rate : null,
    size: width === undefined || height === undefined ? null : { widthPx: Number(width), heightPx: Number(height) },
    objectClass: values["object_class"],
    majorClass: values["major_class"],
    motionClass: values["motion_class"],
  };
}
