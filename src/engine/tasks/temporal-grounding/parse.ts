import type { ParsedAnswer, ParseFailure } from "../../../protocol/tasks.ts";
import { answerBlock } from "../answerBlock.ts";
import { findDescribedPair, findTimes } from "../times.ts";

/**
 * The last interval of the last answer block, in seconds. Accepts what VideoChat-R1's parsers reject although it is right:
 * dashes, units, clock times, line breaks, any case. An end that is not after its start is no answer.
 */
export function parseTemporalGrounding(completion: string): ParsedAnswer {
  const block = answerBlock(completion);
  if (!block.ok) return failed(block.failure);
  const pair = findTimes(block.text).pairs.at(-1) ?? findDescribedPair(block.text);
  if (pair === null) return failed("no-interval");
  if (pair.secondSec <= pair.firstSec) return failed("inverted-interval");
  return {
    task: "temporal-grounding",
    segment: { startSec: pair.firstSec, endSec: pair.secondSec },
    failures: [],
  };
}

function failed(failure: ParseFailure): ParsedAnswer {
  return { task: "temporal-grounding", failures: [failure] };
}
