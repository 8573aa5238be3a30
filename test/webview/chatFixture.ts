import type { ChatInput, ChatPolicy } from "../../src/protocol/chat.ts";
import type { ChatTurn, TurnAnswer } from "../../src/protocol/chatView.ts";
import type { SeenVideo } from "../../src/protocol/records.ts";

/** Made-up policies, questions and answers for the chat page. */

export function policyOf(id: string): ChatPolicy {
  return {
    id,
    source: { kind: "folder", dir: `/policies/${id}` },
    name: id,
    dir: `/policies/${id}`,
    parameters: 1_234_567,
    provider: "cpu",
    tasks: ["temporal-grounding"],
    think: {},
    sampling: { temperature: 1, maxCompletionLength: 96 },
    video: { fps: 2, minFrames: 4, maxFrames: 16, minPixels: 784, maxPixels: 12544, onBadVideo: "skip" },
  };
}

export const seenVideo: SeenVideo = {
  path: "/videos/a.mp4",
  hash: "0".repeat(64),
  durationSec: 4,
  videoFps: 2,
  frameIndices: [0, 4],
  timestampsSec: [0, 2],
  widthPx: 112,
  heightPx: 112,
  sourceWidthPx: 112,
  sourceHeightPx: 112,
  visualTokens: 16,
  frameSet: "a",
};

const input: ChatInput = {
  prompt: "Find when this happens in the video: the square appears",
  promptTokens: 60,
  video: seenVideo,
  frames: ["frame-0", "frame-1"],
};

/** Finished answers of one policy that say when. */
export function answerOf(samples: number, change: Partial<TurnAnswer> = {}): TurnAnswer & { input: ChatInput } {
  const completions = Array.from({ length: samples }, (_, j) => ({
    text: `<think>it starts at ${j}.0 s</think><answer>${j}.0 to 3.5</answer>`,
    tokenCount: 20 + j,
    finishReason: "eos" as const,
    parsed: { task: "temporal-grounding" as const, segment: { startSec: j, endSec: 3.5 }, failures: [] },
  }));
  return { policyName: "policy", state: { kind: "done" }, completions, ...change, input: change.input ?? input };
}

export function turnOf(id: number, samples: number, answers: readonly TurnAnswer[]): ChatTurn {
  return {
    id,
    asked: {
      question: { kind: "free", video: { videoPath: "/videos/a.mp4" }, text: "the square appears" },
      task: "temporal-grounding",
      text: "the square appears",
      options: [],
      videoName: "a.mp4",
      truth: null,
      think: true,
      samples,
      sampling: { temperature: 1, maxCompletionLength: 96 },
    },
    answers,
  };
}
