import fs from "node:fs/promises";
import path from "node:path";
import { UserError } from "../../protocol/errors.ts";
import { recordVersion } from "../../protocol/records.ts";
import type { AnswerRecord, AnswersHeader, EvaluationRecord } from "../../protocol/records.ts";
import { isErrno, nodeFileIo, replaceFile, type FileIo } from "./fileIo.ts";
import { repairTornLine } from "./lineFile.ts";
import { badRecord, formatFile, formatLine, parseRecord } from "./versionedRecords.ts";

/**
 * The answers of one evaluation in lines of JSON: a header with all that answers depend on, then a line a question, in the
 * order in which they were answered. A question that failed may have a later line. A process that is killed leaves whole
 * lines and at most one torn one.
 */
export interface AnswerFile {
  readonly file: string;
  /** What stands in the file, by `answerKey`, as it was found and appended. */
  readonly answers: ReadonlyMap<string, AnswerRecord>;
  /** Appends lines in one write, and flushes them to the disk. */
  append(answers: readonly Omit<AnswerRecord, "version">[]): Promise<void>;
}

export function answerKey({ datasetId, exampleId }: Pick<AnswerRecord, "datasetId" | "exampleId">): string {
  return `${datasetId}/${exampleId}`;
}

/**
 * Opens a file of answers to go on with it, or begins one. The caller owns its folder.
 * @param conflicts what differs between the settings of the file and the present ones, a line a difference
 * @throws UserError bad-record when the file was written with other settings, or cannot be read.
 */
export async function openAnswers(
  file: string,
  settings: AnswersHeader["answerSettings"],
  conflicts: (stored: AnswersHeader["answerSettings"]) => readonly string[],
  io: FileIo = nodeFileIo,
): Promise<AnswerFile> {
  await io.makeDir(path.dirname(file));
  await repairTornLine(io, file);
  const found = await readAnswers(file);
  if (found === null) await io.append(file, bytesOf([{ version: recordVersion, answerSettings: settings }]));
  const differing = found === null ? [] : conflicts(found.header.answerSettings);
  if (differing.length > 0) throw otherSettings(file, differing);
  const answers = new Map(found?.answers);
  return {
    file,
    answers,
    async append(added) {
      const records = added.map((answer) => ({ version: recordVersion, ...answer }));
      await io.append(file, bytesOf(records));
      await io.flush(file);
      for (const record of records) answers.set(answerKey(record), record);
    },
  };
}

/**
 * Header and answers; null for a missing or empty file. A torn last line is left out.
 * @throws UserError bad-record naming file and line.
 */
export async function readAnswers(
  file: string,
): Promise<{ readonly header: AnswersHeader; readonly answers: ReadonlyMap<string, AnswerRecord> } | null> {
  const text = await readText(file);
  const [first, ...rest] = text.split("\n").slice(0, -1);
  if (first === undefined) return null;
  const header = parseRecord("answersHeader", first, `${file}:1`);
  const answers = new Map<string, AnswerRecord>();
  rest.forEach((line, i) => {
    const where = `${file}:${i + 2}`;
    const answer = parseRecord("answer", line, where);
    if (!areCompletions(answer.completions)) throw badRecord(where, 'expected a list of completions with their "text"');
    const key = answerKey(answer);
    const former = answers.get(key);
    if (former !== undefined && former.failure === undefined) throw badRecord(where, `found a second answer to ${key}`);
    answers.set(key, answer);
  });
  return { header, answers };
}

/** Replaces evaluation.json as a whole. */
export async function writeEvaluationFile(
  file: string,
  record: EvaluationRecord,
  io: FileIo = nodeFileIo,
): Promise<void> {
  await io.makeDir(path.dirname(file));
  await replaceFile(io, file, formatFile(record));
}

/** @throws UserError not-found, bad-record. */
export async function readEvaluationFile(file: string): Promise<EvaluationRecord> {
  let text: string;
  try {
    text = await fs.readFile(file, "utf8");
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UserError(
      { code: "not-found", where: file, message: `the evaluation cannot be read: ${reason}` },
      { cause },
    );
  }
  return parseRecord("evaluation", text, file);
}

/** The key was there; what is in it may be anything. */
function areCompletions(value: unknown): boolean {
  const hasText = (one: unknown): boolean =>
    typeof one === "object" && one !== null && "text" in one && typeof one.text === "string";
  return Array.isArray(value) && value.every(hasText);
}

function bytesOf(records: readonly (AnswersHeader | AnswerRecord)[]): Uint8Array {
  return Buffer.from(records.map(formatLine).join(""), "utf8");
}

function otherSettings(file: string, differing: readonly string[]): UserError {
  return new UserError({
    code: "bad-record",
    where: file,
    message: `these answers were made with other settings:\n${differing.map((line) => `  ${line}`).join("\n")}`,
    hint: "Give another folder with --out, or put the settings back to go on here.",
  });
}

async function readText(file: string): Promise<string> {
  try {
    return await fs.readFile(file, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return "";
    throw error;
  }
}
