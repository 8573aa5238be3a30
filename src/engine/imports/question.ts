/**
 * What a prompt asks, for the eye: the last turn of the user where the prompt is written in ChatML (Qwen's template), with
 * its special tokens or, as TRL and verl decode it, without them; else the prompt as it is.
 */
export function questionOf(prompt: string): string {
  const turns = [...prompt.matchAll(/<\|im_start\|>user\n([^]*?)<\|im_end\|>/g)];
  const plain = /(?:^|\n)user\n([^]*?)\n(?:assistant\n?)?\s*$/.exec(prompt);
  const turn = turns.at(-1)?.[1] ?? plain?.[1] ?? prompt;
  const text = turn.replace(/<\|(?:vision_start|vision_end|video_pad|image_pad)\|>|<(?:video|image)>/g, " ").trim();
  return text === "" ? prompt.trim() : text;
}
