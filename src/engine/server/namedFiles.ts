import fs from "node:fs";
import path from "node:path";
import type { SpecFix, SpecPath } from "../../protocol/diagnostics.ts";
import type { SpecDiagnostic } from "../../protocol/messages.ts";
import { isWorkspaceReward, signatureOf, type WorkspaceReward } from "../../protocol/rewardSpec.ts";
import type { DatasetSpec, RunSpec } from "../../protocol/spec.ts";
import { nearestName } from "../data/nearestName.ts";
import { kindOfAnnotations } from "../data/readDataset.ts";
import { missingModelFiles } from "../embedded/modelFiles.ts";
import { functionNames } from "../lint/rewardFunctions.ts";

/** The policy, annotations, folders, templates and reward files that a specification names and that are not there. */
export function checkNamedFiles(spec: RunSpec, baseDir: string): SpecDiagnostic[] {
  const datasets = [
    ...spec.data.map((dataset, i) => ({ dataset, keys: ["data", i] })),
    ...spec.evaluate.data.map((dataset, i) => ({ dataset, keys: ["evaluate", "data", i] })),
  ];
  return [
    ...checkPolicy(spec, baseDir),
    ...datasets.flatMap(({ dataset, keys }) => [
      ...checkAnnotations(dataset, keys, baseDir),
      ...checkPath([...keys, "videos"], dataset.videos, { baseDir, isFolder: true, what: "a folder of videos" }),
    ]),
    ...Object.entries(spec.prompts).flatMap(([task, prompt]) =>
      prompt?.template === undefined
        ? []
        : checkPath(["prompts", task, "template"], prompt.template, { baseDir, isFolder: false, what: "a file" }),
    ),
    ...spec.rewards.flatMap((reward, i) => (isWorkspaceReward(reward) ? checkReward(reward, i, baseDir) : [])),
  ];
}

/** The annotations and the files that belong to them. */
function checkAnnotations(dataset: DatasetSpec, keys: SpecPath, baseDir: string): SpecDiagnostic[] {
  const { format, path: named } = dataset;
  const kind = kindOfAnnotations(format);
  const isFolder = kind === "folder" || (kind === "any" && kindOf(path.resolve(baseDir, named)) === "folder");
  const what = isFolder ? "a folder of annotations" : "an annotation file";
  const companions = (["durations", "grounding"] as const).flatMap((key) => {
    const file = dataset[key];
    return file === undefined ? [] : checkPath([...keys, key], file, { baseDir, isFolder: false, what: "a file" });
  });
  return [...checkPath([...keys, "path"], named, { baseDir, isFolder, what }), ...companions];
}

interface Expected {
  readonly baseDir: string;
  readonly isFolder: boolean;
  readonly what: string;
}

function checkPath(keys: SpecPath, named: string, expected: Expected): SpecDiagnostic[] {
  const { baseDir, isFolder, what } = expected;
  const file = path.resolve(baseDir, named);
  if (kindOf(file) === (isFolder ? "folder" : "file")) return [];
  const message = `expected ${what}, found none at ${file}. Correct the path; it is relative to the specification.`;
  return [missing(keys, message, nearestPath(baseDir, named, isFolder))];
}

function missing(path: SpecPath, message: string, meant: string | null): SpecDiagnostic {
  const fixes: SpecFix[] =
    meant === null ? [] : [{ title: `Change it to "${meant}"`, edits: [{ kind: "set", path, value: meant }] }];
  return { code: "missing-file", severity: "error", path, message, fixes };
}

function checkPolicy(spec: RunSpec, baseDir: string): SpecDiagnostic[] {
  const { model } = spec.policy;
  const dir = path.resolve(baseDir, model);
  const keys = ["policy", "model"];
  const what = "a Hugging Face checkpoint directory";
  if (kindOf(dir) !== "folder") return checkPath(keys, model, { baseDir, isFolder: true, what });
  return missingModelFiles(dir).map((message) => missing(keys, message, null));
}

/** Its file, and its function as far as the text of the file says without being run. */
function checkReward(reward: WorkspaceReward, index: number, baseDir: string): SpecDiagnostic[] {
  const keys = ["rewards", index];
  const what = "a file with a reward function";
  const notThere = checkPath([...keys, "file"], reward.file, { baseDir, isFolder: false, what });
  // ms-swift finds its functions in a registry, which is filled when the file is run.
  if (notThere.length > 0 || signatureOf(reward) === "ms-swift") return notThere;
  const names = functionNames(fs.readFileSync(path.resolve(baseDir, reward.file), "utf8"), reward.file);
  if (names === null || names.includes(reward.function)) return [];
  const meant = nearestName(reward.function, names);
  const place = [...keys, "function"];
  const fixes: SpecFix[] =
    meant === undefined
      ? []
      : [{ title: `Change it to "${meant}"`, edits: [{ kind: "set", path: place, value: meant }] }];
  const exported = reward.file.endsWith(".py") ? "a function" : "an exported function";
  const message = `expected ${exported} ${reward.function} in ${reward.file}, found ${names.length === 0 ? "none" : names.join(", ")}.`;
  // A warning: the text is read, not run, and a file can make its functions in other ways.
  return [{ code: "unknown-function", severity: "warning", path: place, message, fixes }];
}

/** The path that was meant: each part that is not there becomes the nearest name of its folder. */
function nearestPath(baseDir: string, named: string, isFolder: boolean): string | null {
  const parts = named.split(/[\\/]/);
  let dir = path.isAbsolute(named) ? path.parse(named).root : baseDir;
  const meant: string[] = [];
  for (const [i, part] of parts.entries()) {
    const wanted = i < parts.length - 1 || isFolder ? "folder" : "file";
    const isThere = part === "" || kindOf(path.join(dir, part)) === wanted;
    const name = isThere ? part : nearestName(part, namesIn(dir, wanted));
    if (name === undefined) return null;
    meant.push(name);
    dir = path.join(dir, name);
  }
  return meant.join("/");
}

function namesIn(dir: string, kind: "file" | "folder"): string[] {
  try {
    return fs.readdirSync(dir).filter((name) => kindOf(path.join(dir, name)) === kind);
  } catch {
    return []; // a folder that cannot be listed has no better name
  }
}

function kindOf(file: string): "file" | "folder" | null {
  const stats = fs.statSync(file, { throwIfNoEntry: false });
  if (stats === undefined) return null;
  return stats.isDirectory() ? "folder" : "file";
}
