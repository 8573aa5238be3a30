import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { thresholds } from "../src/engine/lint/run/thresholds.ts";
import { diagnosticCodes, diagnosticTable } from "../src/protocol/diagnostics.ts";

const dir = path.resolve("docs", "diagnostics");
const pageOf = (code: string): string => fs.readFileSync(path.join(dir, `${code}.md`), "utf8");

test("every code has a page and every page a code", () => {
  assert.deepEqual(fs.readdirSync(dir).sort(), diagnosticCodes.map((code) => `${code}.md`).sort());
});

test("a page has the title of its code, and says why and what to do", () => {
  for (const code of diagnosticCodes) {
    const page = pageOf(code);
    assert.ok(page.startsWith(`# ${diagnosticTable[code].title}\n\n\`${code}\``), code);
    for (const heading of ["## Why it matters", "## What to do"]) assert.ok(page.includes(`\n${heading}\n`), code);
  }
});

test("pages link to pages", () => {
  for (const code of diagnosticCodes) {
    for (const [, target] of pageOf(code).matchAll(/\]\(([^)]+)\)/g)) {
      assert.ok(fs.existsSync(path.join(dir, target ?? "")), `${code}: ${target}`);
    }
  }
});

test("a page names the numbers from which on its finding is told", () => {
  for (const [code, limits] of Object.entries(thresholds)) {
    const page = pageOf(code);
    for (const [name, value] of Object.entries<number>(limits)) {
      const forms = [String(value), `${Number((100 * value).toFixed(6))} %`];
      const isNamed = forms.some((form) =>
        new RegExp(`(?<![\\d.])${form.replace(".", "\\.")}(?![\\d]|\\.\\d)`).test(page),
      );
      assert.ok(isNamed, `${code} does not name ${name}, ${forms.join(" or ")}`);
    }
  }
});
