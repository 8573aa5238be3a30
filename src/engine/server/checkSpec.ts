import fs from "node:fs";
import path from "node:path";
import { UserError } from "../../protocol/errors.ts";
import type { RunSpec, SpecProblem } from "../../protocol/spec.ts";
import { formatSpecPath, loadSpec, parseSpec, placeOfPath, type LoadedSpec } from "../data/specFile.ts";
import { readTemplates } from "../data/templates.ts";
import { lintPrompts, lintRewards } from "../lint/promptLint.ts";

export interface SpecFinding extends SpecProblem {
  readonly severity: "error" | "warning";
}

/**
 * All that is wrong with the text of a specification: syntax, else schema, else the files that it names, else what the
 * linter says of its prompts and rewards. Never throws.
 */
export function checkSpecText(text: string, specPath: string): SpecFinding[] {
  const parsed = parseSpec(text);
  if (parsed.ok) {
    const baseDir = path.dirname(path.resolve(specPath));
    const findings = checkNamedFiles(parsed.spec, baseDir);
    // Prompts can be judged only when their templates are there.
    return findings.length > 0 ? findings : lintTexts(parsed.spec, baseDir);
  }
  return parsed.problems.map(({ path: keys, message, mend }) => ({
    path: keys,
    message: `${message}. ${mend}`,
    severity: "error",
  }));
}

/**
 * Reads a specification, and looks for the policy, annotations and folders that it names, so that mistakes are told
 * before anything is started. Throws UserError "bad-spec" with one line a mistake, or "not-found".
 */
export function loadCheckedSpec(specPath: string): LoadedSpec {
  const loaded = loadSpec(specPath);
  const errors = checkNamedFiles(loaded.spec, loaded.baseDir);
  if (errors.length === 0) return loaded;
  const lines = errors.map(({ path: keys, message }) => {
    const { line, column } = placeOfPath(loaded.text, keys);
    return `${specPath}:${line}:${column}: ${formatSpecPath(keys)}: ${message}`;
  });
  throw new UserError({ code: "bad-spec", message: lines.join("\n") });
}

type Report = (keys: (string | number)[], message: string) => void;

function checkNamedFiles(spec: RunSpec, baseDir: string): SpecFinding[] {
  const findings: SpecFinding[] = [];
  const report: Report = (keys, message) => {
    findings.push({ path: keys, message, severity: "error" });
  };
  checkPolicy(spec, baseDir, report);
  const datasets = [
    ...spec.data.map((dataset, i) => ({ dataset, keys: ["data", i] })),
    ...spec.evaluate.data.map((dataset, i) => ({ dataset, keys: ["evaluate", "data", i] })),
  ];
  for (const { dataset, keys } of datasets) {
    const annotations = path.resolve(baseDir, dataset.path);
    if (!isFile(annotations))
      report([...keys, "path"], `expected an annotation file, found none at ${annotations}. ${mend}`);
    const videos = path.resolve(baseDir, dataset.videos);
    if (!isFolder(videos)) report([...keys, "videos"], `expected a folder of videos, found none at ${videos}. ${mend}`);
  }
  for (const [task, prompt] of Object.entries(spec.prompts)) {
    if (prompt?.template === undefined) continue;
    const template = path.resolve(baseDir, prompt.template);
    if (!isFile(template)) report(["prompts", task, "template"], `expected a file, found none at ${template}. ${mend}`);
  }
  return findings;
}

const mend = "Correct the path; it is relative to the specification.";

function checkPolicy(spec: RunSpec, baseDir: string, report: Report): void {
  const dir = path.resolve(baseDir, spec.policy.model);
  const keys = ["policy", "model"];
  if (!isFolder(dir)) {
    return report(keys, `expected a Hugging Face checkpoint directory, found none at ${dir}. ${mend}`);
  }
  for (const names of [["config.json"], ["tokenizer.json"], ["model.safetensors", "model.safetensors.index.json"]]) {
    if (names.some((name) => isFile(path.join(dir, name)))) continue;
    report(
      keys,
      `expected ${names.join(" or ")} in the checkpoint directory ${dir}, found none. Complete its download.`,
    );
  }
}

function lintTexts(spec: RunSpec, baseDir: string): SpecFinding[] {
  const prompts = lintPrompts(spec, readTemplates(spec.prompts, baseDir)).map((f) => ({ ...f, path: ["prompts"] }));
  const rewards = lintRewards(spec).map((f) => ({ ...f, path: ["rewards"] }));
  return [...prompts, ...rewards].map(({ path: keys, message, severity }) => ({ path: keys, message, severity }));
}

function isFile(file: string): boolean {
  return fs.statSync(file, { throwIfNoEntry: false })?.isFile() ?? false;
}

function isFolder(file: string): boolean {
  return fs.statSync(file, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
