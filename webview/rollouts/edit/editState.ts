import { t } from "@vscode/l10n";
import type { CompletionRecord, GroupRecord } from "../../../src/protocol/records.ts";
import type { EditedCompletion } from "../../../src/protocol/rewardMessages.ts";
import type { ParsedAnswer } from "../../../src/protocol/tasks.ts";
import type { ViewerAnswer } from "../../../src/protocol/viewerQueries.ts";

/** Texts of a group that were changed to see what its rewards would be. They live in the page and nowhere else. */
export interface GroupEdits {
  /** By k. */
  readonly texts: ReadonlyMap<number, EditedText>;
  /** What to go back to, the latest last. */
  readonly past: readonly ReadonlyMap<number, EditedText>[];
  /** What the latest change belongs to: one drag is one step back. */
  readonly gesture: string;
  /** Counts up; the host's answer names the version that it belongs to. */
  readonly version: number;
  readonly scored: ScoredEdits | null;
  readonly problem: string | null;
}

export interface EditedText {
  readonly text: string;
  /** How the answer will be read where that is known before the engine has told. */
  readonly preview: ParsedAnswer | null;
}

interface ScoredEdits {
  readonly version: number;
  readonly completions: readonly EditedCompletion[];
}

export interface TextEdit extends EditedText {
  readonly completion: number;
  readonly gesture: string;
}

const noEdits: GroupEdits = { texts: new Map(), past: [], gesture: "", version: 0, scored: null, problem: null };
const maxPast = 100;

/** `original` is the recorded text: writing it again takes the edit away. */
export function withEdit(edits: GroupEdits | null, edit: TextEdit, original: string): GroupEdits {
  const before = edits ?? noEdits;
  const { completion, gesture, text, preview } = edit;
  if ((before.texts.get(completion)?.text ?? original) === text) return before;
  const texts = new Map(before.texts);
  if (text === original) texts.delete(completion);
  else texts.set(completion, { text, preview });
  const isSameGesture = gesture === before.gesture && before.past.length > 0;
  const past = isSameGesture ? before.past : [...before.past, before.texts].slice(-maxPast);
  return { ...before, texts, past, gesture, version: before.version + 1 };
}

/** Null when nothing is left to take back. */
export function undone(edits: GroupEdits): GroupEdits | null {
  const texts = edits.past.at(-1);
  if (texts === undefined) return null;
  return { ...edits, texts, past: edits.past.slice(0, -1), gesture: "", version: edits.version + 1 };
}

/** All edits of the group are taken back at once; that can be taken back too. */
export function reset(edits: GroupEdits): GroupEdits {
  if (edits.texts.size === 0) return edits;
  const past = [...edits.past, edits.texts].slice(-maxPast);
  return { ...edits, texts: new Map(), past, gesture: "", version: edits.version + 1, problem: null };
}

/** While a drag goes on, an answer to an earlier place of it is better than none. */
export function withScores(edits: GroupEdits, answer: Extract<ViewerAnswer, { kind: "edited" }>): GroupEdits {
  const { version, completions, reason } = answer;
  if (version > edits.version || version <= (edits.scored?.version ?? 0)) return edits;
  if (completions === null) {
    return version === edits.version ? { ...edits, problem: reason ?? t("The rewards could not be computed.") } : edits;
  }
  return { ...edits, scored: { version, completions }, problem: null };
}

/** Rewards of the newest texts are still on their way. */
export function isPending({ scored, version, texts, problem }: GroupEdits): boolean {
  return texts.size > 0 && problem === null && scored?.version !== version;
}

/** What the host is asked to score. */
export function editedTexts({ texts }: GroupEdits, record: GroupRecord): readonly (string | null)[] {
  return record.completions.map((_, k) => texts.get(k)?.text ?? null);
}

/** The group as it would have been recorded with these texts; rewards are the latest that are known. */
export function editedRecord(record: GroupRecord, edits: GroupEdits): GroupRecord {
  if (edits.texts.size === 0) return record;
  const isCurrent = edits.scored?.version === edits.version;
  const completions = record.completions.map((completion, k): CompletionRecord => {
    const scored = edits.scored?.completions[k];
    const edit = edits.texts.get(k);
    const rewards =
      scored === undefined ? {} : { rewards: scored.rewards, reward: scored.reward, advantage: scored.advantage };
    if (edit === undefined) return { ...completion, ...rewards };
    const parsed = (isCurrent ? scored?.parsed : (edit.preview ?? scored?.parsed)) ?? edit.preview ?? completion.parsed;
    return { ...completion, ...rewards, text: edit.text, parsed };
  });
  const rewards = completions.flatMap(({ reward }) => (reward === null ? [] : [reward]));
  return { ...record, completions, rewardMean: meanOf(rewards), rewardStd: stdOf(rewards) };
}

function meanOf(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Unbiased. */
function stdOf(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const mean = meanOf(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
}
