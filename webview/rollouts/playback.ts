import { currentFrame, shownGroup } from "./state.ts";
import type { ViewerState } from "./state.ts";
import type { Dispatch } from "./view/view.ts";

/** Shows each sampled frame until the timestamp of the next, at the chosen speed. */
export function createPlayback(dispatch: Dispatch): { render(state: ViewerState): void } {
  let timer: number | null = null;
  let scheduledFor = "";
  return {
    render: (state) => {
      const delayMs = state.isPlaying ? frameDelayMs(state) : null;
      const key = delayMs === null ? "" : `${currentFrame(state)}/${state.speed}`;
      if (key === scheduledFor) return;
      scheduledFor = key;
      if (timer !== null) window.clearTimeout(timer);
      timer = delayMs === null ? null : window.setTimeout(() => dispatch({ kind: "tick" }), delayMs);
    },
  };
}

/** Time from the shown frame to the next; null after the last. */
export function frameDelayMs(state: ViewerState): number | null {
  const timestampsSec = shownGroup(state)?.timestampsSec ?? [];
  const index = currentFrame(state);
  const now = timestampsSec[index];
  const next = timestampsSec[index + 1];
  // A loop shows the last frame of the clip as long as the one before it.
  if (next === undefined && state.loop !== null && now !== undefined) {
    return Math.max(20, (1000 * (now - (timestampsSec[index - 1] ?? now))) / state.speed);
  }
  if (now === undefined || next === undefined) return null;
  return Math.max(20, (1000 * (next - now)) / state.speed);
}
