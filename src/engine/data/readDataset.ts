import path from "node:path";
import { UserError } from "../../protocol/errors.ts";
import type { DatasetSpec } from "../../protocol/spec.ts";
import type { TaskId } from "../../protocol/tasks.ts";
import { AnnotationFiles } from "./annotationFiles.ts";
import type { DataProblem, Dataset, Example, JsonPath } from "./example.ts";
import { readCharadesSta } from "./formats/charadesSta.ts";
import { readCharadesText } from "./formats/charadesText.ts";
import { readDream1k } from "./formats/dream1k.ts";
import { readGot10k } from "./formats/got10k.ts";
import { readGot10kSampled } from "./formats/got10kSampled.ts";
import { readOwnLines } from "./formats/jsonLines.ts";
import { readMvbench } from "./formats/mvbench.ts";
import { readNextGqaChoices, readNextGqaCsv } from "./formats/nextgqaCsv.ts";
import { readPerceptionTest } from "./formats/perceptionTest.ts";
import { readGroundedQa, readMultipleChoice } from "./formats/questions.ts";
import { ofJson, type ReportProblem, type RowReader } from "./formats/rowReader.ts";
import { readVideoMme } from "./formats/videoMme.ts";
import { readVidtabQa } from "./formats/vidtabQa.ts";
import { createVideoFinder } from "./videoFiles.ts";

/** Readers by format and task; a pair that is not here cannot be read. */
const readers: Readonly<Record<DatasetSpec["format"], Partial<Record<TaskId, RowReader>>>> = {
  "charades-sta": { "temporal-grounding": ofJson(readCharadesSta) },
  "charades-sta-txt": { "temporal-grounding": readCharadesText },
  "activitynet-captions": { "temporal-grounding": ofJson(readCharadesSta) },
  "got10k-sampled": { tracking: ofJson(readGot10kSampled) },
  got10k: { tracking: readGot10k },
  nextgqa: { "grounded-qa": ofJson(readGroundedQa), "multiple-choice": ofJson(readMultipleChoice) },
  "nextgqa-csv": { "grounded-qa": readNextGqaCsv, "multiple-choice": readNextGqaChoices },
  "multiple-choice": { "multiple-choice": ofJson(readMultipleChoice) },
  "video-mme": { "multiple-choice": readVideoMme },
  mvbench: { "multiple-choice": readMvbench },
  "perception-test": { "multiple-choice": ofJson(readPerceptionTest) },
  "dream-1k": { captioning: readDream1k },
  "vidtab-qa": { classification: ofJson(readVidtabQa) },
  jsonl: {
    "temporal-grounding": readOwnLines,
    tracking: readOwnLines,
    "grounded-qa": readOwnLines,
    "multiple-choice": readOwnLines,
    classification: readOwnLines,
    captioning: readOwnLines,
    open: readOwnLines,
  },
};

/** Tasks that a layout has the truth for. */
export function tasksOfFormat(format: DatasetSpec["format"]): TaskId[] {
  // SAFETY: the keys of the table are task ids by its type.
  return Object.keys(readers[format]) as TaskId[];
}

/** Whether the annotations of a layout are a file or a folder; "any" for both. */
export function kindOfAnnotations(format: DatasetSpec["format"]): "file" | "folder" | "any" {
  if (format === "got10k") return "folder";
  return format === "mvbench" ? "any" : "file";
}

/**
 * Read the annotations of a dataset. Times are seconds of what is shown, boxes normalised xyxy, as annotated. Rows that
 * cannot be used become problems; so do kept rows that look wrong. Throws UserError bad-data when a file as a whole cannot be
 * read.
 */
export async function readDataset(spec: DatasetSpec, baseDir: string): Promise<Dataset> {
  const resolve = (file: string): string => path.resolve(baseDir, file);
  const files = new AnnotationFiles(resolve(spec.path));
  const reader = readers[spec.format][spec.task];
  if (reader === undefined) throw wrongTask(spec, files.path);
  const problems: DataProblem[] = [];
  const examples: Example[] = [];
  const places = new Map<string, JsonPath>();
  const findVideo = createVideoFinder(resolve(spec.videos));
  const report: ReportProblem = (problem) => void problems.push({ ...problem, datasetId: spec.id });
  for await (const row of reader({ files, spec, resolve, report })) {
    if (examples.length >= (spec.limit ?? Infinity)) break;
    const { videoName, otherNames = [], path: place, frameRate = spec.frameRate, ...rest } = row;
    const about = { example: row.id, path: place };
    if (places.has(row.id)) {
      const message = `The id ${row.id} was used before; this row is left out.`;
      report({ code: "duplicate-id", isKept: false, message, ...about });
      continue;
    }
    places.set(row.id, place);
    const video = findVideo([videoName, ...otherNames]);
    if (!video.exists) {
      report({ code: "missing-video", isKept: true, message: `There is no video ${video.path}.`, ...about });
    }
    const rate = video.isFolder && frameRate !== undefined ? { frameRate } : {};
    examples.push({ ...rest, ...rate, datasetId: spec.id, task: spec.task, videoPath: video.path });
  }
  return { id: spec.id, examples, problems, places, hash: await files.hash() };
}

function wrongTask(spec: DatasetSpec, file: string): UserError {
  return new UserError({
    code: "bad-spec",
    where: file,
    message: `Dataset ${spec.id} has the format ${spec.format}, which has no truth for the task ${spec.task}.`,
    hint: `The tasks of ${spec.format} are: ${tasksOfFormat(spec.format).join(", ")}.`,
  });
}
