import { createHash } from "node:crypto";
import fs from "node:fs/promises";
import path from "node:path";
import { UserError } from "../../protocol/errors.ts";
import type { DatasetSpec } from "../../protocol/spec.ts";
import type { TaskId } from "../../protocol/tasks.ts";
import type { DataProblem, Dataset, Example, JsonPath } from "./example.ts";
import { readCharadesSta } from "./formats/charadesSta.ts";
import { readGot10kSampled } from "./formats/got10kSampled.ts";
import { readGroundedQa, readMultipleChoice } from "./formats/questions.ts";
import type { ReportProblem, RowReader } from "./formats/rowReader.ts";
import { createVideoFinder } from "./videoFiles.ts";

/** Readers by format and task; a pair that is not here cannot be read. */
const readers: Readonly<Record<DatasetSpec["format"], Partial<Record<TaskId, RowReader>>>> = {
  "charades-sta": { "temporal-grounding": readCharadesSta },
  "got10k-sampled": { tracking: readGot10kSampled },
  nextgqa: { "grounded-qa": readGroundedQa, "multiple-choice": readMultipleChoice },
  "multiple-choice": { "multiple-choice": readMultipleChoice },
};

/** Tasks that a layout has the truth for. */
export function tasksOfFormat(format: DatasetSpec["format"]): TaskId[] {
  // SAFETY: the keys of the table are task ids by its type.
  return Object.keys(readers[format]) as TaskId[];
}

/**
 * Read the annotation file of a dataset. Times are seconds, boxes normalised xyxy, as annotated. Rows that cannot be used
 * become problems; so do kept rows that look wrong. Throws UserError bad-data when the file as a whole cannot be read.
 */
export async function readDataset(spec: DatasetSpec, baseDir: string): Promise<Dataset> {
  const file = path.resolve(baseDir, spec.path);
  const reader = readers[spec.format][spec.task];
  if (reader === undefined) throw wrongTask(spec, file);
  const bytes = await readBytes(file);
  const problems: DataProblem[] = [];
  const examples: Example[] = [];
  const places = new Map<string, JsonPath>();
  const findVideo = createVideoFinder(path.resolve(baseDir, spec.videos));
  const report: ReportProblem = (problem) => void problems.push({ ...problem, datasetId: spec.id });
  for (const row of reader({ json: parseJson(bytes, file), file, report })) {
    if (examples.length >= (spec.limit ?? Infinity)) break;
    const { videoName, path: place, ...rest } = row;
    const about = { example: row.id, path: place };
    if (places.has(row.id)) {
      const message = `The id ${row.id} was used before; this row is left out.`;
      report({ code: "duplicate-id", isKept: false, message, ...about });
      continue;
    }
    places.set(row.id, place);
    const video = findVideo(videoName);
    if (!video.exists) {
      report({ code: "missing-video", isKept: true, message: `There is no video ${video.path}.`, ...about });
    }
    examples.push({ ...rest, datasetId: spec.id, task: spec.task, videoPath: video.path });
  }
  return { id: spec.id, examples, problems, places, hash: createHash("sha256").update(bytes).digest("hex") };
}

async function readBytes(file: string): Promise<Buffer> {
  try {
    return await fs.readFile(file);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UserError(
      {
        code: "bad-data",
        where: file,
        message: `The annotation file cannot be read: ${reason}.`,
        hint: 'Correct "path" in the dataset; it is relative to the specification.',
      },
      { cause },
    );
  }
}

function parseJson(bytes: Buffer, file: string): unknown {
  try {
    return JSON.parse(bytes.toString("utf8").replace(/^\uFEFF/, ""));
  } catch (cause) {
    throw new UserError(
      {
        code: "bad-data",
        where: file,
        message: `The annotation file is not JSON: ${cause instanceof Error ? cause.message : String(cause)}.`,
        hint: "Expected one JSON document, not JSON lines.",
      },
      { cause },
    );
  }
}

function wrongTask(spec: DatasetSpec, file: string): UserError {
  return new UserError({
    code: "bad-spec",
    where: file,
    message: `Dataset ${spec.id} has the format ${spec.format}, which has no truth for the task ${spec.task}.`,
    hint: `The tasks of ${spec.format} are: ${tasksOfFormat(spec.format).join(", ")}.`,
  });
}
