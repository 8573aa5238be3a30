import { UserError } from "../../protocol/errors.ts";
import { recordVersion } from "../../protocol/records.ts";
import type {
  AnswerRecord,
  AnswersHeader,
  EvaluationRecord,
  LockRecord,
  MetricsRecord,
  RewardSourcesRecord,
  RolloutLine,
  RunRecord,
  RunState,
  TimingsRecord,
} from "../../protocol/records.ts";
import type { ProgressRecord } from "./progressRecord.ts";

/** What is stored, by kind. */
export interface StoredRecords {
  readonly run: RunRecord;
  readonly rewards: RewardSourcesRecord;
  readonly state: RunState;
  readonly lock: LockRecord;
  readonly metrics: MetricsRecord;
  readonly timings: TimingsRecord;
  readonly rollout: RolloutLine;
  readonly evaluation: EvaluationRecord;
  readonly answersHeader: AnswersHeader;
  readonly answer: AnswerRecord;
  readonly progress: ProgressRecord;
}
export type RecordKind = keyof StoredRecords;

type JsonObject = Readonly<Record<string, unknown>>;
type Upgrade = (record: JsonObject) => JsonObject;

/**
 * `upgrades[kind][v]` turns a record of version v into one of version v + 1. A change of shape bumps `recordVersion` and
 * adds a row for each kind that changed; a kind without a row for v is the same in v + 1.
 */
const upgrades: Readonly<Record<RecordKind, Readonly<Record<number, Upgrade>>>> = {
  run: {},
  rewards: {},
  state: {},
  lock: {},
  metrics: {},
  timings: {},
  rollout: { 1: withRewardInput },
  evaluation: {},
  answersHeader: {},
  answer: {},
  progress: {},
};

/** Version 1 did not keep all that a reward function is given. */
function withRewardInput(line: JsonObject): JsonObject {
  if (line["failure"] !== undefined) return line;
  const { prompt, durationSec = null, row = null } = line;
  return { ...line, think: typeof prompt === "string" && prompt.includes("<think>"), durationSec, row };
}

/** Keys without which nothing can be done with a record. */
const neededKeys: Readonly<Record<RecordKind, readonly string[]>> = {
  run: ["id", "name", "spec", "baseDir", "seed", "hashes"],
  rewards: ["sources"],
  state: ["status", "phase", "step", "steps"],
  lock: ["host", "pid", "processKey", "socket", "token"],
  metrics: ["step", "metrics"],
  timings: ["step", "stepSec"],
  rollout: ["step", "group", "datasetId", "exampleId"],
  evaluation: ["step", "scores", "baselines", "settings", "examples"],
  answersHeader: ["answerSettings"],
  answer: ["datasetId", "exampleId", "completions"],
  progress: ["step", "cursor", "bytes", "tokensSeen"],
};

/**
 * Parses one record and brings it to the present version.
 * @throws UserError bad-record for broken JSON, a missing key, or a version that this program does not know.
 */
export function parseRecord<K extends RecordKind>(kind: K, text: string, where: string): StoredRecords[K] {
  const json = parseObject(kind, text, where);
  const { version } = json;
  if (typeof version !== "number" || !Number.isInteger(version) || version < 1) {
    throw badRecord(where, `expected a ${kind} record with a version, found ${describe(version)} for "version"`);
  }
  if (version > recordVersion) {
    throw badRecord(
      where,
      `this ${kind} record has version ${version}, the newest known here is ${recordVersion}`,
      "Open it with the version of Video RFT that wrote it, or a newer one.",
    );
  }
  let record = json;
  for (let from = version; from < recordVersion; from++) {
    record = { ...(upgrades[kind][from]?.(record) ?? record), version: from + 1 };
  }
  const missing = neededKeys[kind].filter((key) => record[key] === undefined);
  if (missing.length > 0)
    throw badRecord(where, `this ${kind} record lacks ${missing.map((k) => `"${k}"`).join(", ")}`);
  // SAFETY: written by this program with this version, or upgraded to it, and the keys that it rests on are there.
  return record as unknown as StoredRecords[K];
}

/** One line, with its newline. */
export function formatLine(record: StoredRecords[RecordKind]): string {
  return `${JSON.stringify(record)}\n`;
}

/** A file of its own: indented, to be read by people. */
export function formatFile(record: StoredRecords[RecordKind]): Uint8Array {
  return Buffer.from(`${JSON.stringify(record, null, 2)}\n`, "utf8");
}

export function badRecord(where: string, message: string, hint?: string): UserError {
  return new UserError({ code: "bad-record", where, message, hint });
}

function parseObject(kind: RecordKind, text: string, where: string): JsonObject {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw badRecord(where, `expected a ${kind} record in JSON, found text that is not JSON (${reason})`);
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw badRecord(where, `expected a ${kind} record, found ${describe(json)}`);
  }
  // SAFETY: an object that is neither null nor an array.
  return json as JsonObject;
}

function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
