import nodePath from "node:path";
import { z } from "zod";
import { UserError } from "../../../protocol/errors.ts";
import type { AnnotationFiles } from "../annotationFiles.ts";
import { readClip } from "./clips.ts";
import { noSuchOption, optionOf } from "./options.ts";
import type { ReadRow, RowReaderInput } from "./rowReader.ts";
import { categoriesOf, readList } from "./rowReader.ts";

interface MvbenchTask {
  /** As the benchmark's tables name it. */
  readonly name: string;
  /** Its videos, below the folder of all of them. */
  readonly folder: string;
}

const star = "star/Charades_v1_480";
const clevrer = "clevrer/video_validation";
const perception = "perception/videos";

/** The 20 tasks by the name of their file, and where the published archive keeps their videos. */
export const mvbenchTasks: Readonly<Record<string, MvbenchTask>> = {
  action_sequence: { name: "Action Sequence", folder: star },
  action_prediction: { name: "Action Prediction", folder: star },
  action_antonym: { name: "Action Antonym", folder: "ssv2_video" },
  fine_grained_action: { name: "Fine-grained Action", folder: "Moments_in_Time_Raw/videos" },
  unexpected_action: { name: "Unexpected Action", folder: "FunQA_test/test" },
  object_existence: { name: "Object Existence", folder: clevrer },
  object_interaction: { name: "Object Interaction", folder: star },
  object_shuffle: { name: "Object Shuffle", folder: perception },
  moving_direction: { name: "Moving Direction", folder: clevrer },
  action_localization: { name: "Action Localization", folder: "sta/sta_video" },
  scene_transition: { name: "Scene Transition", folder: "scene_qa/video" },
  action_count: { name: "Action Count", folder: perception },
  moving_count: { name: "Moving Count", folder: clevrer },
  moving_attribute: { name: "Moving Attribute", folder: clevrer },
  state_change: { name: "State Change", folder: perception },
  fine_grained_pose: { name: "Fine-grained Pose", folder: "nturgbd" },
  character_order: { name: "Character Order", folder: perception },
  egocentric_navigation: { name: "Egocentric Navigation", folder: "vlnqa" },
  episodic_reasoning: { name: "Episodic Reasoning", folder: "tvqa/frames_fps3_hq" },
  counterfactual_inference: { name: "Counterfactual Inference", folder: clevrer },
};

/** TVQA comes as folders of frames, three a second. */
const tvqaFrameRate = 3;

const rowSchema = z.object({
  id: z.union([z.string(), z.number()]).optional(),
  video: z.string().min(1),
  question: z.string().min(1),
  candidates: z.array(z.string().min(1)).min(2).max(26),
  answer: z.string().min(1),
  start: z.number().nullish(),
  end: z.number().nullish(),
});

/**
 * MVBench as it was published: a JSON list a task, in a folder of them (`json/`), or one of the files. Rows are
 * `{video, question, candidates, answer, start, end}`; start and end bound the clip, in seconds. Videos are looked for in the
 * task's folder of the published archive, then in the folder of videos itself.
 */
export async function* readMvbench({ files, spec, report }: RowReaderInput): AsyncGenerator<ReadRow> {
  for (const { file, key, lead } of taskFiles(files)) {
    const json = await files.json(file);
    const { name, folder } = mvbenchTasks[key] ?? { name: key, folder: "" };
    const expected = "a list of rows with video, question, candidates and answer";
    const rows = readList({ json, file, report: underFile(report, lead) }, rowSchema, expected, ({ video }) => video);
    for (const { row, id: rowId, entry, position } of rows) {
      const path = [...lead, position];
      // Several tasks ask about the same video, so a number alone is no id.
      const id = `${key}_${rowId}`;
      const option = optionOf(row.answer, row.candidates);
      if (option === null) {
        const message = noSuchOption(row.answer, row.candidates);
        report({ code: "bad-row", isKept: false, example: id, message, path });
        continue;
      }
      const clip = readClip(row.start, row.end, null, { example: id, path, report });
      if (clip === null) continue;
      const isTvqa = key === "episodic_reasoning";
      const frameRate = spec.frameRate ?? (isTvqa ? tvqaFrameRate : undefined);
      yield {
        id,
        videoName: folder === "" ? row.video : `${folder}/${row.video}`,
        otherNames: [row.video],
        ...clip,
        ...(frameRate === undefined ? {} : { frameRate }),
        question: row.question.trim(),
        options: row.candidates.map((candidate) => candidate.trim()),
        truth: { task: "multiple-choice", option },
        categories: categoriesOf({ task: name }),
        row: entry,
        path,
      };
    }
  }
}

interface TaskFile {
  readonly file: string;
  /** Name of the file without ending. */
  readonly key: string;
  /** Begins the path of a row: the name of the file in a folder, nothing for the file itself. */
  readonly lead: readonly string[];
}

function taskFiles(files: AnnotationFiles): TaskFile[] {
  const keyOf = (file: string): string => nodePath.basename(file, ".json");
  if (!files.isFolder()) return [{ file: files.path, key: keyOf(files.path), lead: [] }];
  const names = files.list().filter((name) => name.endsWith(".json"));
  if (names.length > 0) {
    return names.map((name) => ({ file: nodePath.join(files.path, name), key: keyOf(name), lead: [name] }));
  }
  throw new UserError({
    code: "bad-data",
    where: files.path,
    message: "The folder holds no *.json file, expected one a task of MVBench.",
    hint: 'Give the folder "json" of MVBench, or one of its files, as "path".',
  });
}

function underFile(report: RowReaderInput["report"], lead: readonly string[]): RowReaderInput["report"] {
  return (problem) => void report({ ...problem, path: [...lead, ...problem.path] });
}
