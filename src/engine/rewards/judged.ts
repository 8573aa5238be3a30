import type { RewardItem, RewardOutput } from "../../protocol/reward.ts";
import type { TaskId } from "../../protocol/tasks.ts";
import { compareEvents, readEntailed, type ChatMessage } from "./events.ts";
import type { JudgedRewardName } from "./reward.ts";

/** What built-in rewards ask of a server, and what they make of its answer. Asking is hosts/judge. */

export const judgedTasks: Readonly<Record<JudgedRewardName, readonly TaskId[]>> = {
  "event-recall": ["captioning"],
  "semantic-similarity": ["captioning", "open"],
};

/**
 * Recall of events: the share of the events of the true caption that the description entails, in [0, 1]. Follows
 * VideoChat-R1's caption reward (arXiv 2504.06958) and DREAM-1K's AutoDQ recall, whose binning is not published. The
 * judge gets the events where the dataset lists them, else it finds them in the caption first.
 * @returns null when there is nothing to ask: no answer, or no true caption; `events`: how many the judge is given
 */
export function eventRecallQuestion({
  completion: { parsed },
  example: { truth },
}: RewardItem): { readonly messages: readonly ChatMessage[]; readonly events: number | null } | null {
  if (truth.task !== "captioning") throw new Error(`internal: event-recall does not know ${truth.task}`);
  const { events, captions } = truth;
  if (parsed.text === undefined || (events.length === 0 && captions.length === 0)) return null;
  if (events.length > 0) return { messages: compareEvents(events, parsed.text), events: events.length };
  return { messages: findAndCompareEvents(captions[0] ?? "", parsed.text), events: null };
}

/** One question instead of two, where a training run asks for every completion. */
function findAndCompareEvents(reference: string, description: string): readonly ChatMessage[] {
  return [
    {
      role: "system",
      content:
        "You compare descriptions of one video. List the events of the reference: short sentences, one action each. " +
        "An event is entailed when the description says that it happens, in whatever words. " +
        'Answer with JSON only: {"events": [{"event": "...", "entailed": true}]}, one entry an event.',
    },
    { role: "user", content: `Reference:\n${reference}\n\nDescription:\n${description}` },
  ];
}

/** Reads the judge's answer; null when it is not the JSON that was asked for, or is about another number of events. */
export function readEventRecall(answer: string | null, asked: number | null): RewardOutput | null {
  const found = readEntailed(answer, asked);
  return found === null ? null : { value: found.entailed / found.events, parts: { ...found } };
}

/** The answer and the texts that are right; null when there is nothing to compare. */
export function similarityTexts({ completion: { parsed }, example: { truth } }: RewardItem) {
  const references =
    truth.task === "captioning" ? truth.captions : truth.task === "open" && truth.answer !== null ? [truth.answer] : [];
  return parsed.text === undefined || references.length === 0 ? null : { answer: parsed.text, references };
}

/** Cosine of the nearest reference's embedding with the answer's, in [0, 1]: less than nothing in common counts as nothing. */
export function similarityOf(answer: readonly number[], references: readonly (readonly number[])[]): RewardOutput {
  const cosines = references.map((reference) => cosine(answer, reference));
  return { value: Math.min(1, Math.max(0, ...cosines)) };
}

function cosine(a: readonly number[], b: readonly number[]): number {
  const dot = (x: readonly number[], y: readonly number[]): number => x.reduce((sum, v, i) => sum + v * (y[i] ?? 0), 0);
  const norm = Math.sqrt(dot(a, a) * dot(b, b));
  return norm === 0 ? 0 : dot(a, b) / norm;
}
