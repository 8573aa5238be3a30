// Brings the translations up to date: what is known stays, what is no longer said goes, what is new is empty.
import fs from "node:fs";
import path from "node:path";
import { bundleFile, languages, messagesOfSources } from "./messages.ts";

for (const language of languages) {
  const file = bundleFile(language);
  // SAFETY: written by this script, and read by test/l10n.test.ts.
  const known = fs.existsSync(file) ? (JSON.parse(fs.readFileSync(file, "utf8")) as Record<string, string>) : {};
  const messages = messagesOfSources();
  const bundle = Object.fromEntries(messages.map((message) => [message, known[message] ?? ""]));
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, `${JSON.stringify(bundle, null, 2)}\n`);
  const missing = messages.filter((message) => bundle[message] === "").length;
  process.stdout.write(`${language}: ${messages.length} messages, ${missing} to translate\n`);
}
