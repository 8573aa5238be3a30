import { countOf } from "../counts.ts";
import type { BoundingBox, Segment } from "../../src/protocol/tasks.ts";
import type { ViewerEvidence } from "../../src/protocol/view.ts";
import { formatNumber, formatSegments } from "./format.ts";
import { clipBox } from "./geometry.ts";
import { boxAt } from "./groupModel.ts";
import type { CompletionView, GroupView } from "./groupModel.ts";

/** What a value of a stopped reward function looks like on the video of its rollout. */
export interface EvidenceView {
  readonly completion: CompletionView;
  readonly label: string;
  readonly text: string;
  readonly segments: readonly EvidenceSegment[];
}

export interface EvidenceSegment {
  readonly role: EvidenceRole;
  readonly segment: Segment;
}

/** "shared" is the intersection of truth and answer, which an overlap counts. */
export type EvidenceRole = "truth" | "answer" | "shared";

/** Null where the evidence belongs to a rollout that is not shown. */
export function evidenceOf(evidence: ViewerEvidence | null, group: GroupView | null): EvidenceView | null {
  const completion = group?.completions.find(({ record }) => record.id === evidence?.id);
  if (evidence === null || group === null || completion === undefined) return null;
  const { label, value, isTruth } = evidence;
  const role = isTruth ? "truth" : "answer";
  switch (value.kind) {
    case "segment": {
      const segments = value.segments.map((segment) => ({ role, segment }) as const);
      return { completion, label, text: `${label} = ${formatSegments(value.segments)}`, segments };
    }
    case "boxes": {
      const count = countOf(value.boxes.length, "box");
      return { completion, label, text: `${label} = ${count}`, segments: [] };
    }
    case "overlap": {
      const text = `${label} = ${formatNumber(value.value, 3)}`;
      return { completion, label, text, segments: overlapSegments(group.truthSegments, completion.segments) };
    }
    default:
      throw new Error(`internal: unknown evidence ${JSON.stringify(value satisfies never)}`);
  }
}

export interface EvidenceBox {
  readonly role: EvidenceRole;
  readonly box: BoundingBox;
}

/** Boxes of the evidence at a time: one a position for a whole track, else all of them. */
export function evidenceBoxes(
  evidence: ViewerEvidence | null,
  group: GroupView,
  timeSec: number,
): readonly EvidenceBox[] {
  const completion = group.completions.find(({ record }) => record.id === evidence?.id);
  if (evidence === null || completion === undefined) return [];
  const { value, isTruth } = evidence;
  const truth = boxAt(group.truthBoxes, timeSec);
  if (value.kind === "boxes") {
    const role = isTruth ? "truth" : "answer";
    const times = group.truthBoxes.map(({ timestampSec }) => timestampSec);
    const isTrack = value.boxes.length === times.length && times.length > 0;
    if (!isTrack) return value.boxes.map((box) => ({ role, box }));
    const timed = value.boxes.map((box, index) => ({ timestampSec: times[index] ?? 0, box }));
    const box = boxAt(timed, timeSec);
    return box === null ? [] : [{ role, box }];
  }
  if (value.kind === "segment" || truth === null) return [];
  const answer = boxAt(completion.boxes, timeSec);
  const shared = answer === null ? null : sharedBox(truth, answer);
  return [
    { role: "truth", box: truth },
    ...(answer === null ? [] : [{ role: "answer", box: answer } as const]),
    ...(shared === null ? [] : [{ role: "shared", box: shared } as const]),
  ];
}

function overlapSegments(truth: readonly Segment[], answer: readonly Segment[]): readonly EvidenceSegment[] {
  const shared = truth.flatMap((a) => answer.flatMap((b) => sharedSegment(a, b) ?? []));
  return [
    ...truth.map((segment) => ({ role: "truth", segment }) as const),
    ...answer.map((segment) => ({ role: "answer", segment }) as const),
    ...shared.map((segment) => ({ role: "shared", segment }) as const),
  ];
}

function sharedSegment(a: Segment, b: Segment): Segment | null {
  const startSec = Math.max(a.startSec, b.startSec);
  const endSec = Math.min(a.endSec, b.endSec);
  return endSec > startSec ? { startSec, endSec } : null;
}

function sharedBox(truth: BoundingBox, answer: BoundingBox): BoundingBox | null {
  const [a, b] = [clipBox(truth), clipBox(answer)];
  const box = {
    x0: Math.max(a.x0, b.x0),
    y0: Math.max(a.y0, b.y0),
    x1: Math.min(a.x1, b.x1),
    y1: Math.min(a.y1, b.y1),
  };
  return box.x1 > box.x0 && box.y1 > box.y0 ? box : null;
}
