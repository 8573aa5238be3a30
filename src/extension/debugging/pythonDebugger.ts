import { t } from "@vscode/l10n";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import * as vscode from "vscode";
import { UserError } from "../../protocol/errors.ts";
import { ownPythonType } from "./debugConfiguration.ts";

const run = promisify(execFile);
/** The Python extension's debugger. */
const pythonDebuggerId = "ms-python.debugpy";

export function hasPythonDebugger(): boolean {
  return vscode.extensions.getExtension(pythonDebuggerId) !== undefined;
}

/**
 * debugpy of the interpreter that runs the rewards, for machines without the Python extension: the same debugger, started
 * as that extension starts it.
 */
export function registerPythonDebugger(): vscode.Disposable {
  return vscode.debug.registerDebugAdapterDescriptorFactory(ownPythonType, {
    createDebugAdapterDescriptor({ configuration }) {
      const python: unknown = configuration["python"];
      return new vscode.DebugAdapterExecutable(typeof python === "string" ? python : "python3", [
        "-m",
        "debugpy.adapter",
      ]);
    },
  });
}

/** @throws UserError not-found when the interpreter has no debugpy, after the user was offered to install it */
export async function requireDebugpy(python: string): Promise<void> {
  if (await hasDebugpy(python)) return;
  const install = t("Install debugpy");
  const message = t("Python rewards are debugged with debugpy, which {0} does not have.", python);
  const chosen = await vscode.window.showWarningMessage(message, { modal: false }, install);
  if (chosen !== install) throw new UserError({ code: "cancelled", message: t("Cancelled.") });
  const terminal = vscode.window.createTerminal({ name: t("Install debugpy") });
  terminal.show();
  const command = `${python.includes(" ") ? `"${python}"` : python} -m pip install debugpy`;
  await runInTerminal(terminal, command);
  if (await hasDebugpy(python)) return;
  throw new UserError({
    code: "not-found",
    where: python,
    message: t("debugpy is still not there"),
    hint: t("Install it with `{0}`, or install the Python extension, then debug again.", command),
  });
}

async function hasDebugpy(python: string): Promise<boolean> {
  return run(python, ["-c", "import debugpy.adapter"]).then(
    () => true,
    () => false,
  );
}

/** Until the command has ended, where the shell tells; else until the terminal is closed. */
function runInTerminal(terminal: vscode.Terminal, command: string): Promise<void> {
  return new Promise((resolve) => {
    const scope: vscode.Disposable[] = [];
    const end = () => {
      for (const item of scope) item.dispose();
      resolve();
    };
    scope.push(
      vscode.window.onDidEndTerminalShellExecution((event) => event.terminal === terminal && end()),
      vscode.window.onDidCloseTerminal((closed) => closed === terminal && end()),
      vscode.window.onDidChangeTerminalShellIntegration(({ terminal: ready, shellIntegration }) => {
        if (ready === terminal) shellIntegration.executeCommand(command);
      }),
    );
    if (terminal.shellIntegration !== undefined) terminal.shellIntegration.executeCommand(command);
    else setTimeout(() => terminal.shellIntegration === undefined && terminal.sendText(command), 3000);
  });
}
