import { t } from "@vscode/l10n";
import type { Segment } from "../../src/protocol/tasks.ts";
import type { GroupView } from "./groupModel.ts";
import { mean, mergeSegments } from "./geometry.ts";

/** A piece of the band: how much of the group agrees there. */
export interface ConsensusPiece {
  readonly segment: Segment;
  /** Share of the group, or mean IoU at a position of a track, in [0, 1]. */
  readonly share: number;
  readonly text: string;
}

/**
 * How many completions cover each time; for tracks, how well the group's boxes fit at each position. What no completion
 * covers has no piece.
 */
export function consensusOf(group: GroupView): readonly ConsensusPiece[] {
  return group.truthBoxes.length > 0 ? meanOverlaps(group) : coverage(group);
}

function coverage({ completions }: GroupView): readonly ConsensusPiece[] {
  const merged = completions.map(({ segments }) => mergeSegments(segments));
  const times = new Set(merged.flat().flatMap(({ startSec, endSec }) => [startSec, endSec]));
  const edges = [...times].sort((a, b) => a - b);
  const pieces: ConsensusPiece[] = [];
  edges.slice(1).forEach((endSec, index) => {
    const startSec = edges[index] ?? endSec;
    const middleSec = (startSec + endSec) / 2;
    const covers = (segments: readonly Segment[]): boolean =>
      segments.some((segment) => middleSec > segment.startSec && middleSec < segment.endSec);
    const count = merged.filter(covers).length;
    if (count === 0) return;
    const span = t("{0} to {1} s", startSec.toFixed(1), endSec.toFixed(1));
    const text = t("{0} of {1} cover {2}", count, completions.length, span);
    pieces.push({ segment: { startSec, endSec }, share: count / completions.length, text });
  });
  return pieces;
}

function meanOverlaps({ completions, truthBoxes, durationSec }: GroupView): readonly ConsensusPiece[] {
  return truthBoxes.map(({ timestampSec }, index) => {
    const share = mean(completions.map(({ positionIous }) => positionIous[index] ?? 0));
    const text = t("Mean IoU {0} at {1} s", share.toFixed(2), timestampSec.toFixed(2));
    const times = truthBoxes.map((position) => position.timestampSec);
    return { segment: cellAt(times, index, durationSec), share, text };
  });
}

/** From half-way to the position before to half-way to the next. */
export function cellAt(times: readonly number[], index: number, durationSec: number): Segment {
  const time = times[index] ?? 0;
  return {
    startSec: index === 0 ? 0 : (time + (times[index - 1] ?? time)) / 2,
    endSec: index === times.length - 1 ? durationSec : (time + (times[index + 1] ?? time)) / 2,
  };
}
