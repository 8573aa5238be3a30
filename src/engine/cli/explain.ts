import fs from "node:fs";
import { diagnosticCodes, diagnosticTable, type DiagnosticCode } from "../../protocol/diagnostics.ts";
import { UserError } from "../../protocol/errors.ts";
import { nearestName } from "../data/nearestName.ts";
import { diagnosticPage } from "../server/engineFiles.ts";
import type { CommandInput, ExitStatus } from "./command.ts";
import { terminalSettings } from "./runCommands.ts";
import { formatTable } from "./text.ts";

/** Prints the pages of findings, or a list of all codes. */
export async function explain({ positionals, terminal }: CommandInput): Promise<ExitStatus> {
  const codes = positionals.map(codeOf);
  if (codes.length === 0) {
    terminal.print(
      formatTable(
        diagnosticCodes.map((code) => [code, diagnosticTable[code].title]),
        [1],
      ),
    );
    terminal.writeDocument({ codes: diagnosticCodes.map((code) => ({ code, ...diagnosticTable[code] })) });
    return 0;
  }
  const { engineDir } = terminalSettings();
  const pages = codes.map((code) => fs.readFileSync(diagnosticPage(engineDir, code), "utf8"));
  terminal.print(pages.join("\n").trimEnd());
  terminal.writeDocument({
    codes: codes.map((code, i) => ({ code, ...diagnosticTable[code], page: pages[i] })),
  });
  return 0;
}

function codeOf(text: string): DiagnosticCode {
  const found = diagnosticCodes.find((code) => code === text);
  if (found !== undefined) return found;
  const meant = nearestName(text, diagnosticCodes);
  throw new UserError({
    code: "not-found",
    where: text,
    message: "there is no finding with this code",
    hint: meant === undefined ? "video-rft explain lists all of them." : `Did you mean ${meant}?`,
  });
}
