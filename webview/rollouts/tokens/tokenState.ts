import type { TokenDetail } from "../../../src/protocol/messages.ts";
import type { ViewerAnswer } from "../../../src/protocol/viewerQueries.ts";
import { shadings } from "./tokenModel.ts";
import type { Shading } from "./tokenModel.ts";

/** The token view follows the selected completion while it is on. */
export interface TokenState {
  readonly isOn: boolean;
  readonly shading: Shading;
  /** By the id of the completion. */
  readonly known: ReadonlyMap<string, KnownTokens>;
}

export interface KnownTokens {
  /** null: not kept, or not readable. */
  readonly tokens: readonly TokenDetail[] | null;
  readonly reason: string | null;
}

export type TokenEvent =
  { readonly kind: "tokensOn"; readonly isOn: boolean } | { readonly kind: "tokensShading"; readonly shading: Shading };

export const initialTokens: TokenState = { isOn: false, shading: "probability", known: new Map() };

/** Completions whose tokens are held. */
const maxKnown = 32;

export function updateTokens(
  state: TokenState,
  event: TokenEvent | Extract<ViewerAnswer, { kind: "tokens" }>,
): TokenState {
  switch (event.kind) {
    case "tokensOn":
      return state.isOn === event.isOn ? state : { ...state, isOn: event.isOn };
    case "tokensShading":
      return { ...state, isOn: true, shading: event.shading };
    case "tokens": {
      const known = new Map(state.known);
      known.set(event.id, { tokens: event.tokens, reason: event.reason ?? null });
      const oldest = known.keys().next().value;
      if (known.size > maxKnown && oldest !== undefined) known.delete(oldest);
      return { ...state, known };
    }
    default:
      throw new Error(`internal: unknown event of tokens ${JSON.stringify(event satisfies never)}`);
  }
}

/** Shows the tokens when they are not shown, else the next shading. */
export function nextShading(state: TokenState): TokenState {
  if (!state.isOn) return { ...state, isOn: true };
  const next = shadings[(shadings.indexOf(state.shading) + 1) % shadings.length] ?? "probability";
  return { ...state, shading: next };
}
