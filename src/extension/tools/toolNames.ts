/** Tools for language models; package.json contributes and describes exactly these. */
export const toolNames = [
  "videoRft_queryRollouts",
  "videoRft_compareSteps",
  "videoRft_explainReward",
  "videoRft_rescoreRollouts",
] as const;

export type ToolName = (typeof toolNames)[number];
