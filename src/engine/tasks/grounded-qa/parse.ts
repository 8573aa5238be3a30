import type { ParsedAnswer, ParseFailure, Segment } from "../../../protocol/tasks.ts";
import type { Example } from "../../data/example.ts";
import { lastBlock } from "../../rewards/blocks.ts";
import { answerBlock } from "../answerBlock.ts";
import { parseOption } from "../options.ts";
import { findTimes } from "../times.ts";

/** The option of the last answer block and the segments of the last glue block, each with its own failure. */
export function parseGroundedQa(completion: string, example: Example): ParsedAnswer {
  const failures: ParseFailure[] = [];
  const block = answerBlock(completion);
  const option = block.ok ? parseOption(block.text, example.options ?? []) : null;
  if (!block.ok) failures.push(block.failure);
  else if (option === null) failures.push("no-option");
  const glue = lastBlock(completion, "glue");
  const segments = glue === null ? null : parseSegments(glue);
  if (segments === null) failures.push(glue === null ? "no-glue-tag" : "bad-glue");
  return { task: "grounded-qa", option: option ?? undefined, segments: segments ?? undefined, failures };
}

/**
 * "[(5.0, 10.0), (12.0, 15.0)]" with any brackets, blanks and line breaks, or "5.0 to 10.0". Null when there is no
 * segment, when one has no length, or when a time stands alone.
 */
function parseSegments(glue: string): Segment[] | null {
  const { pairs, unpaired } = findTimes(glue);
  if (pairs.length === 0 || unpaired > 0) return null;
  if (pairs.some((p) => p.secondSec <= p.firstSec)) return null;
  return pairs.map((p) => ({ startSec: p.firstSec, endSec: p.secondSec }));
}
