import { t } from "@vscode/l10n";
import type { GroupView } from "./groupModel.ts";
import { formatSegments } from "./format.ts";
import { containsTime } from "./geometry.ts";

/** Side of what one visual token of Qwen2.5-VL stands for: 2 × 2 patches of 14 px, of the frame as the policy saw it. */
const mergedPatchPx = 28;

/** What the policy saw of a video, and what it cannot have seen of the truth. */
export interface SeenView {
  readonly facts: readonly { readonly name: string; readonly value: string }[];
  readonly frames: readonly SeenFrame[];
  readonly warnings: readonly string[];
}

export interface SeenFrame {
  readonly index: number; // within the clip that was shown
  readonly frameIndex: number | null; // in the file
  readonly timestampSec: number;
  readonly isInTruth: boolean;
}

/** Null where nobody knows what was shown. */
export function seenOf(group: GroupView): SeenView | null {
  const { video } = group.record;
  if (video === null) return null;
  const { timestampsSec, frameIndices } = video;
  const count = timestampsSec.length;
  const perFrame = count === 0 ? 0 : video.visualTokens / count;
  return {
    facts: [
      { name: t("File"), value: video.path },
      { name: t("Frames"), value: t("{0} of {1} in the file", count, fileFrames(video.durationSec, video.videoFps)) },
      {
        name: t("Rate"),
        value: t("{0} sampled, {1} fps in the file", sampleRate(timestampsSec), trimmed(video.videoFps)),
      },
      {
        name: t("Size"),
        value: t(
          "{0} × {1} px, of {2} × {3} px",
          video.widthPx,
          video.heightPx,
          video.sourceWidthPx,
          video.sourceHeightPx,
        ),
      },
      { name: t("Visual tokens"), value: t("{0}, {1} a frame", video.visualTokens, trimmed(perFrame)) },
      { name: t("Duration"), value: `${video.durationSec.toFixed(3)} s` },
    ],
    frames: timestampsSec.map((timestampSec, index) => ({
      index,
      frameIndex: frameIndices[index] ?? null,
      timestampSec,
      isInTruth: containsTime(group.truthSegments, timestampSec),
    })),
    warnings: [...betweenFrames(group), ...smallBoxes(group, video.widthPx, video.heightPx)],
  };
}

/** Segments of the truth that hold no sampled frame: the policy cannot have seen the event. */
function betweenFrames({ truthSegments, timestampsSec }: GroupView): readonly string[] {
  if (timestampsSec.length === 0) return [];
  return truthSegments
    .filter((segment) => !timestampsSec.some((timeSec) => containsTime([segment], timeSec)))
    .map((segment) => {
      const before = timestampsSec.filter((timeSec) => timeSec < segment.startSec).at(-1);
      const after = timestampsSec.find((timeSec) => timeSec > segment.endSec);
      const truth = t("The truth ({0})", formatSegments([segment]));
      if (before === undefined) return t("{0} ends before the first sampled frame ({1}).", truth, seconds(after));
      if (after === undefined) return t("{0} starts after the last sampled frame ({1}).", truth, seconds(before));
      return t(
        "{0} lies between two sampled frames ({1} and {2}), so the policy saw nothing of it.",
        truth,
        seconds(before),
        seconds(after),
      );
    });
}

function smallBoxes({ truthBoxes }: GroupView, widthPx: number, heightPx: number): readonly string[] {
  const sizes = truthBoxes.map(({ box }) => ({
    width: (box.x1 - box.x0) * widthPx,
    height: (box.y1 - box.y0) * heightPx,
  }));
  const small = sizes.filter(({ width, height }) => width < mergedPatchPx || height < mergedPatchPx);
  const [smallest] = [...small].sort((a, b) => a.width * a.height - b.width * b.height);
  if (smallest === undefined) return [];
  const size = `${tenths(smallest.width)} × ${tenths(smallest.height)} px`;
  return [
    sizes.length === 1
      ? t(
          "The true box is smaller than a merged patch ({0} px) of the frame that the policy saw: {1}.",
          mergedPatchPx,
          size,
        )
      : t(
          "{0} of {1} true boxes are smaller than a merged patch ({2} px) of the frame that the policy saw: down to {3}.",
          small.length,
          sizes.length,
          mergedPatchPx,
          size,
        ),
  ];
}

function sampleRate(timestampsSec: readonly number[]): string {
  const [first, last] = [timestampsSec[0], timestampsSec.at(-1)];
  if (first === undefined || last === undefined || last <= first) return t("one frame");
  return `${trimmed((timestampsSec.length - 1) / (last - first))} fps`;
}

function fileFrames(durationSec: number, fps: number): number {
  return Math.round(durationSec * fps);
}

function trimmed(value: number): string {
  return String(Number(value.toFixed(2)));
}

function seconds(timeSec: number | undefined): string {
  return timeSec === undefined ? "–" : `${timeSec.toFixed(2)} s`;
}

/** Rounded down, so that what is smaller than a patch reads as smaller. */
function tenths(px: number): string {
  return (Math.floor(10 * px) / 10).toFixed(1);
}
