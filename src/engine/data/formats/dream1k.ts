import path from "node:path";
import { z } from "zod";
import { readEntries } from "./entries.ts";
import type { ReadRow, RowReaderInput } from "./rowReader.ts";
import { categoriesOf, createIds, formatIssues } from "./rowReader.ts";

/** The benchmark's own request. */
const request = "Describe the video in detail.";

const name = z.string().min(1).optional();
const plainSchema = z
  .object({
    idx: z.union([z.string(), z.number()]).optional(),
    id: z.union([z.string(), z.number()]).optional(),
    video: name,
    video_path: name,
    video_file: name,
    description: name,
    caption: name,
    question: name,
    events: z
      .array(z.string().min(1))
      .nullish()
      .transform((events) => events ?? []),
    source: z.string().optional(),
  })
  .transform((row) => ({
    id: row.idx ?? row.id,
    video: row.video ?? row.video_path ?? row.video_file,
    caption: row.description ?? row.caption,
    question: row.question,
    events: row.events,
    source: row.source,
  }));
/** Tarsier's form of a conversation about a video. */
const messagesSchema = z.object({
  messages: z.array(
    z.object({
      role: z.string(),
      content: z.array(
        z.object({
          text: z.string().optional(),
          video: z.object({ video_file: z.string().min(1) }).optional(),
        }),
      ),
    }),
  ),
});
type Row = z.output<typeof plainSchema>;

/**
 * DREAM-1K: a description and its events a video, as a JSON list or JSON lines, `{idx, video, description, events}`; or as
 * Tarsier has them, as messages whose user turn holds the video and whose assistant turn the description.
 */
export async function* readDream1k({ files, report }: RowReaderInput): AsyncGenerator<ReadRow> {
  const idOf = createIds();
  for await (const { position, value } of readEntries(files, report, "a list of videos with description and events")) {
    const path = [position];
    const parsed = plainSchema.safeParse(value);
    const row = parsed.success ? withMessages(parsed.data, value) : null;
    if (row?.video === undefined || row.caption === undefined) {
      const lacking = row?.video === undefined ? "video" : "description";
      const message = parsed.success ? `Expected a ${lacking}, found none.` : `${formatIssues(parsed.error.issues)}.`;
      report({ code: "bad-row", isKept: false, example: `row ${position}`, message, path });
      continue;
    }
    const { id, video, caption, events, source, question = request } = row;
    yield {
      id: idOf(id, video),
      videoName: video,
      otherNames: [baseName(video)],
      durationSec: null,
      question: question.trim(),
      truth: { task: "captioning", captions: [caption.trim()], events },
      categories: categoriesOf({ source }),
      row: value,
      path,
    };
  }
}

/** The published list names files by the folders of its authors. */
function baseName(video: string): string {
  return path.posix.basename(video);
}

function withMessages(row: Row, value: unknown): Row {
  const parsed = messagesSchema.safeParse(value);
  if (!parsed.success) return row;
  const contentOf = (role: string) => parsed.data.messages.find((m) => m.role === role)?.content ?? [];
  const textOf = (role: string) => contentOf(role).find(({ text }) => text !== undefined)?.text;
  const video = contentOf("user").find((part) => part.video !== undefined)?.video?.video_file;
  return {
    ...row,
    video: row.video ?? video,
    caption: row.caption ?? textOf("assistant"),
    question: row.question ?? textOf("user"),
  };
}
