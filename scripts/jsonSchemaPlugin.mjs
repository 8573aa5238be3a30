import fs from "node:fs";
import { Module } from "node:module";
import path from "node:path";

/**
 * esbuild plugin for an entry that exports `specJsonSchema()`, built with `write: false`: runs the built code and writes
 * what it returns as JSON, for `contributes.jsonValidation`.
 */
export function jsonSchemaPlugin(file) {
  return {
    name: "json-schema",
    setup: (build) =>
      build.onEnd((result) => {
        const code = result.outputFiles?.find((output) => output.path.endsWith(".cjs"))?.text;
        if (code === undefined) return;
        const module = new Module(file);
        module._compile(code, file);
        fs.mkdirSync(path.dirname(file), { recursive: true });
        fs.writeFileSync(file, `${JSON.stringify(module.exports.specJsonSchema(), null, 2)}\n`);
      }),
  };
}
