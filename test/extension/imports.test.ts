import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import type { ImportRecord } from "../../src/protocol/records.ts";
import { importedText, importPathOf, readImportedRuns } from "../../src/extension/imports/importTexts.ts";
import { explanationHtml, rolloutsFileOf, whyNoRun } from "../../src/extension/viewer/rolloutsFile.ts";

const imported: ImportRecord = {
  source: "ms-swift",
  files: [],
  notes: [],
  groups: 1,
  rollouts: 8,
  unread: 0,
  problems: [],
};

interface Manifest {
  readonly contributes: {
    readonly customEditors: readonly {
      readonly viewType: string;
      readonly selector: readonly { readonly filenamePattern: string }[];
      readonly priority: string;
    }[];
    readonly menus: Readonly<Record<string, readonly { readonly command: string; readonly when: string }[]>>;
  };
}
const manifest = JSON.parse(fs.readFileSync(path.join(process.cwd(), "package.json"), "utf8")) as Manifest;

test("an import is told in one sentence, with the first place that could not be read", () => {
  assert.equal(importedText(imported), "Imported 8 rollouts in 1 group from ms-swift.");
  const problems = [{ where: "/logs/completions.jsonl:3", message: "expected JSON, found text that is not" }];
  assert.equal(
    importedText({ ...imported, unread: 2, problems }),
    "Imported 8 rollouts in 1 group from ms-swift. 2 places could not be read, the first /logs/completions.jsonl:3: expected JSON, found text that is not.",
  );
});

test("the explorer, a link and nothing at all say what to import", () => {
  assert.equal(importPathOf({ scheme: "file", fsPath: "/logs/completions.jsonl" }), "/logs/completions.jsonl");
  assert.equal(importPathOf("/logs"), "/logs");
  for (const nothing of [undefined, "", null, { scheme: "git", fsPath: "/logs" }, { runDir: "/r" }]) {
    assert.equal(importPathOf(nothing), undefined);
  }
  assert.deepEqual(readImportedRuns(["/a", 3, "/b"]), ["/a", "/b"]);
  assert.deepEqual(readImportedRuns("/a"), []);
});

test("a file of rollouts names its run and step by its place", () => {
  const runDir = path.resolve("/home/runs/2026-01-01-shapes");
  assert.deepEqual(rolloutsFileOf(path.join(runDir, "rollouts", "step-000012.jsonl")), { runDir, step: 12 });
  assert.equal(rolloutsFileOf(path.join(runDir, "rollouts", "step-12.jsonl")), undefined);
  assert.equal(rolloutsFileOf(path.join(runDir, "step-000012.jsonl")), undefined);
  assert.match(whyNoRun(path.join(runDir, "rollouts", "mine.jsonl")), /This file has another name/);
  assert.match(
    whyNoRun(path.join(runDir, "rollouts", "step-000012.jsonl")),
    /has none\. The file may have been copied/,
  );
});

test("the page that explains has no scripts, and takes names as text", () => {
  const html = explanationHtml({
    file: "/x/<b>.jsonl",
    reason: `"<script>"`,
    cspSource: "vscode-resource:",
    styleUri: "vscode-resource:/explanation.css",
    links: [{ text: "Import these rollouts", uri: 'command:videoRft.importRollouts?["a&b"]' }],
  });
  assert.match(html, /default-src &#39;none&#39;; style-src vscode-resource:; base-uri/);
  assert.doesNotMatch(html, /<script|<b>/);
  assert.match(html, /href="command:videoRft\.importRollouts\?\[&quot;a&amp;b&quot;\]"/);
});

test("rollout files are shown on request: as text they stay searchable, and files of others are left alone", () => {
  const [editor] = manifest.contributes.customEditors;
  assert.deepEqual(
    [editor?.viewType, editor?.priority, editor?.selector[0]?.filenamePattern],
    ["videoRft.rolloutsFile", "option", "**/rollouts/*.jsonl"],
  );
});

test("the explorer offers to import logs, and to open rollouts of a run", () => {
  const shownFor = (resource: string) => {
    const items = manifest.contributes.menus["explorer/context"] ?? [];
    return items
      .filter(({ when }) => {
        const name = /resourceFilename =~ \/(.*?)\/(?: |$)/.exec(when)?.[1];
        const place = /resourcePath =~ \/(.*)\/$/.exec(when)?.[1];
        if (when.includes("explorerResourceIsFolder") !== resource.endsWith("/")) return false;
        const plain = resource.replace(/\/$/, "");
        return new RegExp(name ?? place ?? "$.").test(name === undefined ? plain : path.posix.basename(plain));
      })
      .map(({ command }) => command.replace("videoRft.", ""));
  };
  assert.deepEqual(shownFor("/out/completions.jsonl"), ["importRollouts"]);
  assert.deepEqual(shownFor("/out/completions/completions_00012.parquet"), ["importRollouts"]);
  assert.deepEqual(shownFor("/out/completions/"), ["importRollouts"]);
  assert.deepEqual(shownFor("/out/rollout_data_dir/"), ["importRollouts"]);
  assert.deepEqual(shownFor("/runs/a/rollouts/step-000001.jsonl"), ["openRollouts"]);
  assert.deepEqual(shownFor("/out/other.jsonl"), []);
});
