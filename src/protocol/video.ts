import type { Segment } from "./tasks.ts";

/**
 * What of a video is shown. A video is a file, or a folder of images with a frame rate.
 *
 * Times: where only a clip is shown, every time of the example, of what the policy saw and of its answer counts from the
 * start of the clip, since that is how the policy is told the time: a clip is a video of its own. Only `clip` itself is in
 * seconds of the file; adding its start gives the time in the file. Readers turn annotated times into times of the clip.
 */
export interface ShownVideo {
  /** Absolute. */
  readonly videoPath: string;
  /** In seconds of the file; all of it when absent. */
  readonly clip?: Segment | undefined;
  /** Frames a second of a folder of images. */
  readonly frameRate?: number | undefined;
}

/** Rate of a folder of frames of which nobody says any. */
export const defaultFrameRate = 1;

/** Only what is shown, out of an example or a request. */
export function shownVideo({ videoPath, clip, frameRate }: ShownVideo): ShownVideo {
  return { videoPath, ...(clip === undefined ? {} : { clip }), ...(frameRate === undefined ? {} : { frameRate }) };
}

/** What was shown, of a video that a policy saw: to show it again. */
export function shownAgain({ path, clip, videoFps }: SeenAs): ShownVideo {
  return shownVideo({ videoPath: path, clip, frameRate: videoFps });
}

/** Of a SeenVideo. */
interface SeenAs {
  readonly path: string;
  readonly clip?: Segment | undefined;
  readonly videoFps: number;
}

/** Tells shown videos apart: the path alone for a whole file. */
export function shownKey({ videoPath, clip, frameRate }: ShownVideo): string {
  const part = clip === undefined ? "" : `#t=${clip.startSec},${clip.endSec}`;
  return `${videoPath}${part}${frameRate === undefined ? "" : `#fps=${frameRate}`}`;
}
