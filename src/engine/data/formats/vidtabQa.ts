import { z } from "zod";
import type { JsonReaderInput, ReadRow } from "./rowReader.ts";
import { readList } from "./rowReader.ts";

const rowSchema = z.object({
  id: z.union([z.string(), z.number()]).optional(),
  video: z.string().min(1),
  instruction: z.string().min(1),
  answer: z.string().min(1),
});

/** VidTAB-QA: `[{video, instruction, answer}]`; the instruction names the labels, the answer is one of them. */
export function* readVidtabQa(input: JsonReaderInput): Iterable<ReadRow> {
  const expected = "a list of rows with video, instruction and answer";
  for (const { row, id, entry, position } of readList(input, rowSchema, expected, ({ video }) => video)) {
    const truth = { task: "classification", label: row.answer.trim() } as const;
    const question = row.instruction.trim();
    yield { id, videoName: row.video, durationSec: null, question, truth, row: entry, path: [position, "answer"] };
  }
}
