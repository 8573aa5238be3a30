import { isFailedGroup } from "../../src/protocol/records.ts";
import type { ViewerToHost } from "../../src/protocol/view.ts";
import { frameKey, shownLine } from "./state.ts";
import type { ViewerState } from "./state.ts";

/** What the host is asked or told because the state went from `before` to `after`. */
export function messagesFor(before: ViewerState, after: ViewerState): readonly ViewerToHost[] {
  const messages: ViewerToHost[] = [];
  if (after.selection !== null && after.selection !== before.selection) {
    messages.push({ kind: "selected", selection: after.selection });
  }
  const step = missingStep(after);
  if (step !== null && step !== missingStep(before)) messages.push({ kind: "needStep", step });
  const frames = missingFrames(after);
  if (frames !== null && frames.key !== missingFrames(before)?.key) {
    messages.push({ kind: "needFrames", step: frames.step, group: frames.group });
  }
  return messages;
}

function missingStep(state: ViewerState): number | null {
  const { run, selection, loaded } = state;
  if (run === null || selection === null || loaded?.step === selection.step) return null;
  return run.rolloutSteps.includes(selection.step) ? selection.step : null;
}

function missingFrames(state: ViewerState): { key: string; step: number; group: number } | null {
  const line = shownLine(state);
  if (line === null || isFailedGroup(line) || line.video === null) return null;
  const key = frameKey(line.step, line.group);
  return state.frames.has(key) ? null : { key, step: line.step, group: line.group };
}
