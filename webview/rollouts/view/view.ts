import type { ViewerEvent } from "../update.ts";
import type { ViewerState } from "../state.ts";

export type Dispatch = (event: ViewerEvent) => void;

/** A part of the page: it builds its node once and changes in it only what the state changed. */
export interface View {
  readonly node: HTMLElement;
  render(state: ViewerState): void;
}
