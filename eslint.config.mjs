import eslint from "@eslint/js";
import tseslint from "typescript-eslint";
import { localRules } from "./scripts/eslintRules.mjs";

/** test/architecture.test.ts holds the whole table of imports; this one edge is worth a red line while typing. */
const noVscode = {
  paths: [{ name: "vscode", message: "Only src/extension may import vscode." }],
};

/** Boring camelCase; raw arrays may carry shape suffixes (`logprobs_G_T`), sizes be one letter, unused things start with _. */
const variableName = { regex: "^(_+|_?[a-z][A-Za-z0-9]*(_[A-Z0-9]+)*|[A-Z])$", match: true };

const nodeGlobals = [
  "console",
  "process",
  "fetch",
  "URL",
  "setTimeout",
  "setInterval",
  "require",
  "module",
  "exports",
  "Buffer",
];

export default tseslint.config(
  {
    ignores: [
      "dist/",
      "out/",
      ".vscode-test/",
      ".python-test/",
      "node_modules/",
      "examples/*/runs/",
      "examples/*/videos/",
    ],
  },
  eslint.configs.recommended,
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.recommendedTypeChecked],
    plugins: { local: localRules },
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      eqeqeq: "error",
      "no-console": "error",
      "no-restricted-imports": ["error", noVscode],
      "max-lines": ["error", 400],
      "max-lines-per-function": ["error", { max: 60, skipBlankLines: true, skipComments: true }],
      "local/safety-comment": "error",
      "local/no-default-export": "error",
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/naming-convention": [
        "error",
        { selector: ["variable", "parameter", "function"], format: null, custom: variableName, modifiers: [] },
        { selector: "variable", modifiers: ["destructured"], format: null },
        { selector: "typeLike", format: ["PascalCase"] },
      ],
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": "error",
      "@typescript-eslint/no-non-null-assertion": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      // An async function without await still turns a throw into a rejection, which is what an interface promises.
      "@typescript-eslint/require-await": "off",
    },
  },
  { files: ["src/extension/**/*.ts"], rules: { "no-restricted-imports": "off" } },
  {
    // These print for people: the command line and its progress.
    files: ["src/engine/cli/**/*.ts"],
    rules: { "no-console": "off" },
  },
  {
    files: ["test/**/*.ts", "examples/**/*.ts"],
    plugins: { "@typescript-eslint": tseslint.plugin },
    rules: {
      "no-console": "off",
      "no-restricted-imports": "off",
      "max-lines-per-function": "off",
      "local/safety-comment": "off",
      "@typescript-eslint/no-floating-promises": [
        "error",
        // Node's runner waits for them itself.
        {
          allowForKnownSafeCalls: [
            { from: "package", package: "node:test", name: ["test", "it", "describe", "suite"] },
          ],
        },
      ],
    },
  },
  {
    files: ["**/*.{mjs,cjs}"],
    languageOptions: {
      globals: Object.fromEntries(nodeGlobals.map((name) => [name, "readonly"])),
    },
    rules: { eqeqeq: "error" },
  },
);
