import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { bundleFile, languages, messagesOfSources } from "../scripts/messages.ts";
import { commandTable, titleKey } from "../src/extension/commands.ts";

type Texts = Readonly<Record<string, string>>;

const manifest = fs.readFileSync("package.json", "utf8");
const english = readTexts("package.nls.json");

test("every message is translated, and nothing else", () => {
  const messages = messagesOfSources();
  assert.ok(messages.length > 500);
  for (const language of languages) {
    const bundle = readTexts(bundleFile(language));
    assert.deepEqual(Object.keys(bundle), messages, "`npm run l10n` brings the bundle up to date");
    assert.deepEqual(
      messages.filter((message) => bundle[message]?.trim() === ""),
      [],
      language,
    );
  }
});

test("a translation has the placeholders of its message", () => {
  const placeholders = (text: string): readonly string[] => (text.match(/\{\d+\}/g) ?? []).sort();
  for (const language of languages) {
    for (const [message, text] of Object.entries(readTexts(bundleFile(language)))) {
      assert.deepEqual(placeholders(text), placeholders(message), `${language}: ${message}`);
    }
  }
});

test("every text of package.json is there in every language, with the same links", () => {
  const named = [...manifest.matchAll(/"%([\w.]+)%"/g)].map(([, key]) => key ?? "");
  assert.deepEqual(new Set(Object.keys(english)), new Set(named));
  const links = (text = ""): readonly string[] => text.match(/\(command:[^)]*\)/g) ?? [];
  for (const language of languages) {
    const texts = readTexts(`package.nls.${language}.json`);
    assert.deepEqual(Object.keys(texts), Object.keys(english));
    for (const [key, text] of Object.entries(texts)) assert.deepEqual(links(text), links(english[key]), key);
  }
});

test("a command has the same title in the palette and in the extension's own texts", () => {
  for (const [command, { title }] of Object.entries(commandTable)) {
    assert.equal(english[titleKey(command)], title);
    for (const language of languages) {
      const titles = readTexts(`package.nls.${language}.json`);
      assert.equal(titles[titleKey(command)], readTexts(bundleFile(language))[title], command);
    }
  }
});

test("package.json shows no text that could not be translated", () => {
  const texts = /^(title|description|markdownDescription|displayName|contents|altText|userDescription|label)$/;
  const shown: string[] = [];
  const visit = (value: unknown, place: string): void => {
    if (typeof value !== "object" || value === null) return;
    for (const [key, item] of Object.entries(value)) {
      // Schemas of tools are read by models.
      if (key === "inputSchema") continue;
      if (typeof item === "string" && texts.test(key) && !/^%.*%$/.test(item)) shown.push(`${place}.${key}: ${item}`);
      visit(item, `${place}.${key}`);
    }
  };
  visit((JSON.parse(manifest) as { contributes: unknown }).contributes, "contributes");
  assert.deepEqual(shown, [
    "contributes.viewsContainers.activitybar.0.title: Video RFT",
    "contributes.configuration.title: Video RFT",
  ]);
});

function readTexts(file: string): Texts {
  return JSON.parse(fs.readFileSync(path.resolve(file), "utf8")) as Texts;
}
