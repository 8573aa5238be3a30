import { readCsv } from "../csv.ts";
import type { ReadRow, RowReaderInput } from "./rowReader.ts";
import { createIds, numberOf } from "./rowReader.ts";
import { readSegment } from "./segments.ts";

/** "AO8RW 0.0 6.9##a person is putting a book on a shelf." */
const linePattern = /^(\S+)\s+(\S+)\s+(\S+)\s*##([^]*)$/;

/**
 * Charades-STA as it was published: a line `VIDEO start end##sentence` a query, times in seconds. Durations are in another
 * file, Charades' own `Charades_v1_train.csv` or `…_test.csv` (columns id and length); without it they are not known until
 * the video is read. The id of a query is `<video>_<how many of the video came before>`.
 */
export async function* readCharadesText({ files, spec, resolve, report }: RowReaderInput): AsyncGenerator<ReadRow> {
  const durations = spec.durations === undefined ? null : await readDurations(files.lines(resolve(spec.durations)));
  const idOf = createIds();
  for await (const { number, text } of files.lines()) {
    if (text?.trim() === "") continue;
    const path = [number];
    const [, videoName, start, end, sentence] = linePattern.exec(text ?? "") ?? [];
    const pair = [numberOf(start ?? ""), numberOf(end ?? "")] as const;
    const question = sentence?.trim() ?? "";
    if (videoName === undefined || question === "" || pair.some(Number.isNaN)) {
      const message = `Expected "VIDEO start end##sentence" with two numbers, found ${JSON.stringify((text ?? "no UTF-8").slice(0, 80))}.`;
      report({ code: "bad-row", isKept: false, example: `line ${number + 1}`, message, path });
      continue;
    }
    const id = idOf(undefined, videoName);
    const durationSec = durations?.get(videoName) ?? null;
    if (durations !== null && durationSec === null) {
      const message = `The file of durations has no length of ${videoName}; the video's own is used.`;
      report({ code: "unknown-duration", isKept: true, example: id, message, path });
    }
    const segment = readSegment(pair, durationSec, { example: id, path, report });
    if (segment === null) continue;
    const row = { video: videoName, timestamp: [...pair], sentence: question, duration: durationSec };
    yield { id, videoName, durationSec, question, truth: { task: "temporal-grounding", segment }, row, path };
  }
}

async function readDurations(lines: Parameters<typeof readCsv>[0]): Promise<ReadonlyMap<string, number>> {
  const durations = new Map<string, number>();
  const { rows } = await readCsv(lines);
  for await (const row of rows) {
    if ("problem" in row) continue; // whoever needs its length is told that it is missing
    const length = numberOf(row.values["length"] ?? "");
    if (length > 0) durations.set(row.values["id"] ?? "", length);
  }
  return durations;
}
