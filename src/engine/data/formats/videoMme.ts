import { z } from "zod";
import { noSuchOption, optionOf, plainOption } from "./options.ts";
import type { ReadRow, RowReaderInput } from "./rowReader.ts";
import { categoriesOf, createIds, formatIssues } from "./rowReader.ts";

const rowSchema = z.object({
  videoID: z.string().min(1),
  question_id: z.string().optional(),
  question: z.string().min(1),
  options: z.array(z.string().min(1)).min(2).max(26),
  answer: z.string().min(1),
  duration: z.string().optional(), // short, medium, long
  domain: z.string().optional(),
  sub_category: z.string().optional(),
  task_type: z.string().optional(),
});

/**
 * Video-MME as it was published: Parquet with a row a question; `videoID` names the file, `duration` is a class and no
 * number. Subtitles are not used.
 */
export async function* readVideoMme({ files, report }: RowReaderInput): AsyncGenerator<ReadRow> {
  const idOf = createIds();
  for await (const { number, values } of files.tableRows()) {
    const path = [number];
    const parsed = rowSchema.safeParse(values);
    if (!parsed.success) {
      const message = `${formatIssues(parsed.error.issues)}.`;
      report({ code: "bad-row", isKept: false, example: `row ${number}`, message, path });
      continue;
    }
    const row = parsed.data;
    const id = idOf(row.question_id, row.videoID);
    const option = optionOf(row.answer, row.options);
    if (option === null) {
      const message = noSuchOption(row.answer, row.options);
      report({ code: "bad-row", isKept: false, example: id, message, path });
      continue;
    }
    const { duration, domain, sub_category, task_type } = row;
    yield {
      id,
      videoName: row.videoID,
      durationSec: null,
      question: row.question.trim(),
      options: row.options.map(plainOption),
      truth: { task: "multiple-choice", option },
      categories: categoriesOf({ duration, domain, sub_category, task_type }),
      row,
      path,
    };
  }
}
