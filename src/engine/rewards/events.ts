/**
 * What a judge is asked about the events of a description, and how its answers are read: DREAM-1K's AutoDQ (Tarsier,
 * arXiv 2407.00634 §4), in words of our own. Recall is the share of the true events that the answer entails; precision the
 * share of the answer's events that the true description entails.
 */

export interface ChatMessage {
  readonly role: "system" | "user";
  readonly content: string;
}

/** Lists the events of a description; see readEvents. */
export function listEvents(description: string): readonly ChatMessage[] {
  return [
    {
      role: "system",
      content:
        "You list the events of a description of a video: at most ten short sentences, one action or movement each, " +
        "with nouns instead of pronouns. Looks, places and camera work are no events. " +
        'Answer with JSON only: {"events": ["..."]}.',
    },
    { role: "user", content: `Description:\n${description}` },
  ];
}

/** null when it is not the JSON that was asked for. None at all is an answer: the description has no events. */
export function readEvents(answer: string | null): readonly string[] | null {
  const events = eventsOf(answer);
  return events !== null && events.every((event): event is string => typeof event === "string") ? events : null;
}

/** Asks which of the events a description entails; see readEntailed. */
export function compareEvents(events: readonly string[], description: string): readonly ChatMessage[] {
  return [
    {
      role: "system",
      content:
        "You compare descriptions of one video. You get a list of events. " +
        "An event is entailed when the description says that it happens, in whatever words. " +
        'Answer with JSON only: {"events": [{"event": "...", "entailed": true}]}, one entry an event.',
    },
    {
      role: "user",
      content: `Events:\n${events.map((event) => `- ${event}`).join("\n")}\n\nDescription:\n${description}`,
    },
  ];
}

export interface Entailed {
  readonly events: number;
  readonly entailed: number;
}

/**
 * null when it is not the JSON that was asked for, or is about another number of events: one left out would raise the share.
 * @param asked how many events the judge was given; null when it had to find them first
 */
export function readEntailed(answer: string | null, asked: number | null): Entailed | null {
  const events = eventsOf(answer);
  if (events === null || events.length === 0 || (asked !== null && events.length !== asked)) return null;
  const entailed = events.map((event) => (isRecord(event) ? event["entailed"] : undefined));
  if (!entailed.every((value) => typeof value === "boolean")) return null;
  return { events: events.length, entailed: entailed.filter(Boolean).length };
}

function eventsOf(answer: string | null): readonly unknown[] | null {
  const json = answer === null ? null : firstJsonObject(answer);
  return isRecord(json) && Array.isArray(json["events"]) ? json["events"] : null;
}

/** Judges wrap their JSON in words and fences. */
function firstJsonObject(text: string): unknown {
  const start = text.indexOf("{");
  const end = text.lastIndexOf("}");
  if (start < 0 || end < start) return null;
  try {
    return JSON.parse(text.slice(start, end + 1));
  } catch {
    return null;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
