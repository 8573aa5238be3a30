import { config } from "@vscode/l10n";

// Imported before every other module, since tables of texts are made when theirs is loaded. In English there is no bundle.
const bundle = document.getElementById("l10n")?.textContent ?? "";
if (bundle !== "") config({ contents: bundle });
