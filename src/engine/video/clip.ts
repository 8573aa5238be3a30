import type { SeenVideo } from "../../protocol/records.ts";

/** Frames of a clip as the policy sees them. */
export interface Clip {
  readonly seen: SeenVideo;
  /** RGB, row-major [F, H, W, 3]. */
  readonly pixels_FHWC: Uint8Array;
}
