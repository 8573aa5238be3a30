import { config } from "@vscode/l10n";
import * as vscode from "vscode";

// Imported before every other module, since tables of texts are made when theirs is loaded.
if (vscode.l10n.bundle !== undefined) config({ contents: vscode.l10n.bundle });
