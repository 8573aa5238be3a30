import fs from "node:fs/promises";
import path from "node:path";
import { Template } from "@huggingface/jinja";
import { Tokenizer } from "@huggingface/tokenizers";
import { UserError } from "../../protocol/errors.ts";
import type { PolicyConfig } from "./config.ts";

/** Text to token ids and back, with the chat template of the checkpoint. */
export interface PolicyTokenizer {
  encode(text: string): number[];
  /** Text of a completion: special tokens left out. */
  decode(ids: readonly number[]): string;
  /** Text of each token by itself, special tokens with their names. A part of a character shows as U+FFFD. */
  tokenTexts(ids: readonly number[]): string[];
  /**
   * Token ids of a user turn (one video of `visualTokens` tokens, then the text, as Qwen's examples have it) up to where
   * the assistant begins, as Qwen2_5_VLProcessor makes them: the video token of the template is repeated.
   * @throws UserError "bad-data" when the text holds a video token of its own; "bad-checkpoint" when the template has none
   */
  encodePrompt(text: string, visualTokens: number): number[];
}

/** @throws UserError "bad-checkpoint" when tokenizer.json or the chat template is missing or unreadable */
export async function readTokenizer(dir: string, config: PolicyConfig): Promise<PolicyTokenizer> {
  const settings = await readJson(path.join(dir, "tokenizer_config.json"));
  const tokenizerFile = path.join(dir, "tokenizer.json");
  const vocabulary = await readJson(tokenizerFile);
  const tokenizer = used(tokenizerFile, () => new Tokenizer(vocabulary, settings));
  const { file, text } = await chatTemplate(dir, settings);
  const template = used(file, () => new Template(text));
  const encode = (text: string): number[] => tokenizer.encode(text, { add_special_tokens: false }).ids;
  return {
    encode,
    decode: (ids) =>
      ids.length === 0
        ? ""
        : tokenizer.decode([...ids], { skip_special_tokens: true, clean_up_tokenization_spaces: false }),
    tokenTexts: (ids) =>
      ids.map((id) => tokenizer.decode([id], { skip_special_tokens: false, clean_up_tokenization_spaces: false })),
    encodePrompt(text, visualTokens) {
      const content = [{ type: "video" }, { type: "text", text }];
      const turn = template.render({ messages: [{ role: "user", content }], add_generation_prompt: true });
      const ids = encode(turn);
      const videos = ids.filter((id) => id === config.videoTokenId).length;
      if (videos !== 1) throw wrongVideoCount(videos, file, text);
      return ids.flatMap((id) => (id === config.videoTokenId ? new Array<number>(visualTokens).fill(id) : [id]));
    },
  };
}

function wrongVideoCount(videos: number, templateFile: string, text: string): UserError {
  if (videos === 0) {
    return new UserError({
      code: "bad-checkpoint",
      where: templateFile,
      message: "the chat template has no place for a video.",
      hint: "Copy the file from the model's published checkpoint.",
    });
  }
  return new UserError({
    code: "bad-data",
    message: `the prompt holds the policy's video token in its text: ${JSON.stringify(text.slice(0, 200))}`,
    hint: "Take the token out of the question; the video is added where the chat template has it.",
  });
}

/** The first that is there, in the order in which transformers looks. */
async function chatTemplate(
  dir: string,
  settings: Record<string, unknown>,
): Promise<{ readonly file: string; readonly text: string }> {
  const jinja = path.join(dir, "chat_template.jinja");
  const beside = await fs.readFile(jinja, "utf8").catch(() => undefined);
  if (beside !== undefined) return { file: jinja, text: beside };
  const inline = settings["chat_template"];
  if (typeof inline === "string") return { file: path.join(dir, "tokenizer_config.json"), text: inline };
  const file = path.join(dir, "chat_template.json");
  const json = await fs.readFile(file, "utf8").catch(() => undefined);
  if (json !== undefined) {
    const { chat_template: text } = await readJson(file);
    if (typeof text === "string") return { file, text };
  }
  throw new UserError({
    code: "bad-checkpoint",
    where: dir,
    message: "no chat template: found neither chat_template.jinja nor one in tokenizer_config.json.",
    hint: "Copy the file from the model's published checkpoint.",
  });
}

/** What a library makes of a file that it may not understand. */
function used<T>(file: string, make: () => T): T {
  try {
    return make();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UserError(
      {
        code: "bad-checkpoint",
        where: file,
        message: `the file cannot be used: ${reason}.`,
        hint: "Copy it from the model's published checkpoint.",
      },
      { cause },
    );
  }
}

async function readJson(file: string): Promise<Record<string, unknown>> {
  try {
    // SAFETY: the tokenizer library validates what it reads.
    return JSON.parse(await fs.readFile(file, "utf8")) as Record<string, unknown>;
  } catch (cause) {
    throw new UserError(
      {
        code: "bad-checkpoint",
        where: file,
        message: "the file is missing or not readable JSON.",
        hint: "Copy it from the model's published checkpoint.",
      },
      { cause },
    );
  }
}
