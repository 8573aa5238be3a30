import { z } from "zod";
import type { ReadRow, JsonReaderInput } from "./rowReader.ts";
import { formatIssues, wrongLayout } from "./rowReader.ts";
import { readSegment } from "./segments.ts";

const videoSchema = z.object({
  duration: z.number().positive(),
  timestamps: z.array(z.unknown()),
  sentences: z.array(z.unknown()),
});
const pairSchema = z.tuple([z.number(), z.number()]);

/**
 * Charades-STA (and ActivityNet Captions) as JSON: `{video: {duration, timestamps: [[s, e]], sentences: []}}`. One example a
 * sentence, with the id `<video>_<index>`. ActivityNet's names begin with "v_"; files are found with and without it.
 */
export function* readCharadesSta({ json, file, report }: JsonReaderInput): Iterable<ReadRow> {
  const expected = "an object from video to duration, timestamps and sentences";
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw wrongLayout(file, json, expected);
  for (const [videoName, entry] of Object.entries(json)) {
    const video = videoSchema.safeParse(entry);
    if (!video.success) {
      const message = `${formatIssues(video.error.issues)}.`;
      report({ code: "bad-row", isKept: false, example: videoName, message, path: [videoName] });
      continue;
    }
    const { duration, timestamps, sentences } = video.data;
    if (timestamps.length !== sentences.length) {
      const message = `Found ${timestamps.length} timestamps and ${sentences.length} sentences; those without a partner are left out.`;
      report({ code: "bad-row", isKept: false, example: videoName, message, path: [videoName, "sentences"] });
    }
    for (const [index, sentence] of sentences.slice(0, timestamps.length).entries()) {
      const id = `${videoName}_${index}`;
      const path = [videoName, "timestamps", index];
      const pair = pairSchema.safeParse(timestamps[index]);
      if (!pair.success || typeof sentence !== "string" || sentence.trim() === "") {
        const message = "Expected a sentence and a pair of seconds.";
        report({ code: "bad-row", isKept: false, example: id, message, path });
        continue;
      }
      const segment = readSegment(pair.data, duration, { example: id, path, report });
      if (segment === null) continue;
      const row = { duration, timestamp: timestamps[index], sentence };
      const truth = { task: "temporal-grounding", segment } as const;
      const otherNames = videoName.startsWith("v_") ? [videoName.slice(2)] : [];
      yield { id, videoName, otherNames, durationSec: duration, question: sentence.trim(), truth, row, path };
    }
  }
}
