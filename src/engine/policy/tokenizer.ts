import fs from "node:fs/promises";
import path from "node:path";
import { Template } from "@huggingface/jinja";
import { Tokenizer } from "@huggingface/tokenizers";
import { UserError } from "../../protocol/errors.ts";
import type { PolicyConfig } from "./config.ts";
import { isVisualToken } from "./ropeIndex.ts";

/** Text to token ids and back, with the chat template of the checkpoint. */
export interface PolicyTokenizer {
  encode(text: string): number[];
  /** Text of a completion: special tokens left out. */
  decode(ids: readonly number[]): string;
  /** Text of each token by itself, special tokens with their names. A part of a character shows as U+FFFD. */
  tokenTexts(ids: readonly number[]): string[];
  /**
   * Token ids of a conversation up to where the assistant begins, as the processors of transformers make them: the visual
   * token of the template is repeated for each row of the visual's embedding.
   * @throws UserError "bad-data" when a text holds a visual token of its own; "bad-checkpoint" when the template has no
   * place for a visual
   */
  encodePrompt(messages: readonly ChatMessage<TurnPart>[]): number[];
}

/** A turn of a conversation. Only the user shows anything. */
export type ChatMessage<Part> =
  { readonly role: "user"; readonly content: readonly Part[] } | { readonly role: "assistant"; readonly text: string };

/** A piece of a user turn, as text. */
export type TurnPart =
  | { readonly kind: "text"; readonly text: string }
  | {
      readonly kind: "video" | "image";
      /** Rows of its embedding. */
      readonly tokens: number;
      /** Texts before its temporal patches, where the architecture has them. */
      readonly timestamps: readonly string[] | null;
    };

/** @throws UserError "bad-checkpoint" when tokenizer.json or the chat template is missing or unreadable */
export async function readTokenizer(dir: string, config: PolicyConfig): Promise<PolicyTokenizer> {
  const settings = await readJson(path.join(dir, "tokenizer_config.json"));
  const tokenizerFile = path.join(dir, "tokenizer.json");
  const vocabulary = await readJson(tokenizerFile);
  const tokenizer = used(tokenizerFile, () => new Tokenizer(vocabulary, settings));
  const { file, text } = await chatTemplate(dir, settings);
  const template = used(file, () => new Template(text));
  const encode = (text: string): number[] => tokenizer.encode(text, { add_special_tokens: false }).ids;
  const textOf = (id: number): string => tokenizer.decode([id], { skip_special_tokens: false });
  requireVisualTokens(tokenizerFile, config, (id) => encode(textOf(id)));
  return {
    encode,
    decode: (ids) =>
      ids.length === 0
        ? ""
        : tokenizer.decode([...ids], { skip_special_tokens: true, clean_up_tokenization_spaces: false }),
    tokenTexts: (ids) =>
      ids.map((id) => tokenizer.decode([id], { skip_special_tokens: false, clean_up_tokenization_spaces: false })),
    encodePrompt(messages) {
      const conversation = template.render({ messages: messages.map(templateMessage), add_generation_prompt: true });
      return expandVisuals(conversation, messages, { file, encode, textOf, config });
    },
  };
}

/** As chat templates take it. */
function templateMessage(message: ChatMessage<TurnPart>): { role: string; content: unknown } {
  const { role } = message;
  if (role === "assistant") return { role, content: message.text };
  const content = message.content.map((part) =>
    part.kind === "text" ? { type: "text", text: part.text } : { type: part.kind },
  );
  return { role, content };
}

/** The tokenizer of a text-only model has the architecture's vocabulary size, but no tokens for what is seen. */
function requireVisualTokens(file: string, config: PolicyConfig, again: (id: number) => readonly number[]): void {
  const named = { video_token_id: config.videoTokenId, image_token_id: config.imageTokenId };
  for (const [key, id] of Object.entries(named)) {
    const ids = again(id);
    if (ids.length === 1 && ids[0] === id) continue;
    throw new UserError({
      code: "bad-checkpoint",
      where: file,
      message: `the tokenizer has no token ${id}, which config.json names as ${key}.`,
      hint: "Copy tokenizer.json and tokenizer_config.json from the model's published checkpoint.",
    });
  }
}

interface ConversationCoder {
  /** The file of the chat template, for messages. */
  readonly file: string;
  readonly encode: (text: string) => number[];
  /** Text of one token, special ones with their names. */
  readonly textOf: (id: number) => string;
  readonly config: PolicyConfig;
}

type VisualPart = Exclude<TurnPart, { readonly kind: "text" }>;

/** Token ids of a conversation in which each visual token of the template stands for as many as its visual has rows. */
function expandVisuals(
  conversation: string,
  messages: readonly ChatMessage<TurnPart>[],
  coder: ConversationCoder,
): number[] {
  const { encode, config } = coder;
  const content = messages.flatMap((message): readonly TurnPart[] =>
    message.role === "user" ? message.content : [{ kind: "text", text: message.text }],
  );
  const visuals = content.filter((part) => part.kind !== "text");
  const ids = encode(conversation);
  const places = ids.filter((id) => isVisualToken(id, config));
  const expected = visuals.map(({ kind }) => (kind === "video" ? config.videoTokenId : config.imageTokenId));
  if (places.length !== expected.length || places.some((id, i) => id !== expected[i]))
    throw wrongPlaces(places, expected, coder.file, content);
  const isTimed = visuals.some(({ timestamps }) => timestamps !== null);
  const counts = visuals.flatMap(({ tokens, timestamps }) =>
    timestamps === null ? [tokens] : timestamps.map(() => tokens / timestamps.length),
  );
  let place = 0;
  return (isTimed ? encode(withTimestamps(conversation, ids, visuals, coder)) : ids).flatMap((id) =>
    isVisualToken(id, config) ? new Array<number>(counts[place++] ?? 0).fill(id) : [id],
  );
}

/**
 * The conversation with each video written as one place a temporal patch, its time before it, as Qwen3VLProcessor does
 * (transformers 4.57: vision_start, video, vision_end becomes "<0.3 seconds>", vision_start, video, vision_end, "<0.8 …).
 */
function withTimestamps(
  conversation: string,
  ids: readonly number[],
  visuals: readonly VisualPart[],
  { textOf, config }: ConversationCoder,
): string {
  const pad = textOf(config.videoTokenId);
  const start = textOf(config.visionStartTokenId);
  const end = textOf(ids[ids.indexOf(config.videoTokenId) + 1] ?? config.videoTokenId);
  const [before = "", ...after] = conversation.split(pad);
  const videos = visuals.filter(({ kind }) => kind === "video");
  return after.reduce((text, rest, i) => {
    const patches = (videos[i]?.timestamps ?? [""]).map((time) => `${time}${start}${pad}${end}`).join("");
    return text.endsWith(start) && rest.startsWith(end)
      ? text.slice(0, -start.length) + patches + rest.slice(end.length)
      : text + patches + rest;
  }, before);
}

function wrongPlaces(
  places: readonly number[],
  expected: readonly number[],
  templateFile: string,
  content: readonly TurnPart[],
): UserError {
  const count = (ids: readonly number[], id: number): number => ids.filter((other) => other === id).length;
  const lacking = expected.find((id) => count(places, id) < count(expected, id));
  if (lacking !== undefined) {
    const kinds = content.filter(({ kind }) => kind !== "text").map(({ kind }) => kind);
    const kind = kinds[expected.indexOf(lacking)] === "image" ? "an image" : "a video";
    return new UserError({
      code: "bad-checkpoint",
      where: templateFile,
      message: `the chat template has no place for ${kind}.`,
      hint: "Copy the file from the model's published checkpoint.",
    });
  }
  const text = content.map((part) => (part.kind === "text" ? part.text : "")).join("");
  return new UserError({
    code: "bad-data",
    message: `the prompt holds a visual token of the policy in its text: ${JSON.stringify(text.slice(0, 200))}`,
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
