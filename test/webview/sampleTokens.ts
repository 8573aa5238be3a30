import type { TokenDetail } from "../../src/protocol/messages.ts";

/** Tokens of a text, cut at its words; every fifth is the least sure. */
export function sampleTokens(text: string, hasReference = true): readonly TokenDetail[] {
  const words = text.match(/\s*\S+|\s+$/g) ?? [];
  return words.map((word, index) => {
    const logprob = -0.02 - 0.35 * (index % 5);
    return {
      text: word,
      logprob,
      entropy: 0.1 + 0.4 * (index % 5),
      refLogprob: hasReference ? logprob + (index % 3) * 0.4 - 0.4 : null,
      alternatives: [
        { text: word, logprob },
        { text: " or", logprob: logprob - 1 },
        { text: "\n", logprob: logprob - 3 },
      ],
    };
  });
}
