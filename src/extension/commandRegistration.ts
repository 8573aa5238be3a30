import * as vscode from "vscode";
import type { ViewerAction } from "../protocol/view.ts";
import { viewerActions } from "../protocol/view.ts";
import { commandTable, type CommandId } from "./commands.ts";
import type { EngineClient } from "./engine/engineClient.ts";
import { DisposableStore, type Disposable } from "./lifetime.ts";
import { viewerCommandId, type ViewerCommandId } from "./viewerCommands.ts";

type Result = void | PromiseLike<void>;

/** A handler that needs a running engine cannot be written without one; all viewer actions share one handler. */
export type CommandHandlers = {
  readonly [Id in Exclude<CommandId, ViewerCommandId>]: (typeof commandTable)[Id]["needsEngine"] extends true
    ? (engine: EngineClient, argument: unknown) => Result
    : (argument: unknown) => Result;
} & { readonly viewerAction: (action: ViewerAction) => Result };

/** Registers every row of the command table. What a handler throws is shown to the user, once. */
export function registerCommands(
  handlers: CommandHandlers,
  engine: EngineClient,
  showError: (error: unknown) => void,
): Disposable {
  const scope = new DisposableStore();
  const register = (id: CommandId, run: (argument: unknown) => Result | Promise<Result>) => {
    const guarded = async (argument: unknown) => {
      try {
        await run(argument);
      } catch (error) {
        showError(error);
      }
    };
    scope.add(vscode.commands.registerCommand(id, guarded));
  };
  for (const id of Object.keys(commandTable)) {
    if (!isHandled(id)) continue;
    const handler = handlers[id];
    if (commandTable[id].needsEngine) {
      register(id, async (argument) => {
        await engine.start();
        await handler(engine, argument);
      });
    } else {
      // SAFETY: `needsEngine` decides the type of a row's handler, see CommandHandlers; TypeScript cannot follow by id.
      register(id, handler as (argument: unknown) => Result);
    }
  }
  for (const action of viewerActions) register(viewerCommandId(action), () => handlers.viewerAction(action));
  return scope;
}

const viewerIds: ReadonlySet<string> = new Set(viewerActions.map(viewerCommandId));

function isHandled(id: string): id is Exclude<CommandId, ViewerCommandId> {
  return id in commandTable && !viewerIds.has(id);
}
