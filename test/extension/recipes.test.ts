import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { recipes } from "../../src/extension/spec/recipes.ts";

test("New Run Specification offers every recipe but the one that needs this repository, and the VSIX holds them", () => {
  const files = fs.readdirSync(path.resolve("examples", "recipes")).filter((name) => name.endsWith(".rft.json"));
  assert.deepEqual([...recipes.map(({ file }) => file), "smoke.rft.json"].sort(), files.sort());
  assert.match(fs.readFileSync(path.resolve("scripts", "package.mjs"), "utf8"), /"examples\/recipes"/);
});
