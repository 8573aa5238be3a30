import { z } from "zod";
import { letterAt } from "./options.ts";
import type { JsonReaderInput, ReadRow } from "./rowReader.ts";
import { categoriesOf, formatIssues, wrongLayout } from "./rowReader.ts";

const videoSchema = z.object({
  mc_question: z.array(z.unknown()),
  metadata: z
    .object({ frame_rate: z.number().positive().optional(), num_frames: z.int().positive().optional() })
    .optional(),
});
const questionSchema = z.object({
  id: z.union([z.string(), z.number()]),
  question: z.string().min(1),
  options: z.array(z.string().min(1)).min(2).max(26),
  answer_id: z.int().min(0),
  area: z.string().optional(),
  reasoning: z.string().optional(),
  tag: z.array(z.string()).optional(),
});

/**
 * Perception Test, multiple choice, as it was published: `{video: {mc_question: [{id, question, options, answer_id, area,
 * reasoning, tag}], metadata: {frame_rate, num_frames}}}`. The id of a question is `<video>_<its id>`.
 */
export function* readPerceptionTest({ json, file, report }: JsonReaderInput): Iterable<ReadRow> {
  const expected = "an object from video to mc_question and metadata";
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw wrongLayout(file, json, expected);
  for (const [videoName, entry] of Object.entries(json)) {
    const video = videoSchema.safeParse(entry);
    if (!video.success) {
      const message = `${formatIssues(video.error.issues)}.`;
      report({ code: "bad-row", isKept: false, example: videoName, message, path: [videoName] });
      continue;
    }
    const { frame_rate: rate, num_frames: count } = video.data.metadata ?? {};
    const durationSec = rate === undefined || count === undefined ? null : count / rate;
    for (const [position, asked] of video.data.mc_question.entries()) {
      const path = [videoName, "mc_question", position];
      const parsed = questionSchema.safeParse(asked);
      const example = parsed.success ? `${videoName}_${parsed.data.id}` : `${videoName}, question ${position}`;
      if (!parsed.success || parsed.data.answer_id >= parsed.data.options.length) {
        const message = parsed.success
          ? `The answer_id ${parsed.data.answer_id} is none of the ${parsed.data.options.length} options.`
          : `${formatIssues(parsed.error.issues)}.`;
        report({ code: "bad-row", isKept: false, example, message, path });
        continue;
      }
      const { question, options, answer_id: answer, area, reasoning, tag } = parsed.data;
      yield {
        id: example,
        videoName,
        durationSec,
        question: question.trim(),
        options: options.map((option) => option.trim()),
        truth: { task: "multiple-choice", option: letterAt(answer) },
        categories: categoriesOf({ area, reasoning, tag: tag?.join(", ") }),
        row: asked,
        path,
      };
    }
  }
}
