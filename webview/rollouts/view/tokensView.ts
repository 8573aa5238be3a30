import { t } from "@vscode/l10n";
import type { TokenDetail } from "../../../src/protocol/messages.ts";
import { element, setAttribute, setText, whenChanged } from "../../dom.ts";
import { clamp } from "../geometry.ts";
import type { CompletionView } from "../groupModel.ts";
import { shownCompletion } from "../state.ts";
import { shadeTokens, shadingHints, shadingLabels, shadingProblem, shadings } from "../tokens/tokenModel.ts";
import { formatProbability, tokenChoices, tokenFacts } from "../tokens/tokenModel.ts";
import type { Shading, ShadedToken } from "../tokens/tokenModel.ts";
import type { KnownTokens } from "../tokens/tokenState.ts";
import { createInspector } from "./inspector.ts";
import { createToggle } from "./toggle.ts";
import type { Dispatch, View } from "./view.ts";

/** The selected completion token by token: how probable each was, and what else the policy might have said. */
export function createTokensView(dispatch: Dispatch): View {
  const panel = createInspector("tokens-panel", t("Tokens"), () => dispatch({ kind: "tokensOn", isOn: false }));
  const choices = shadings.map((shading) => ({
    shading,
    toggle: createToggle(shadingLabels[shading], t("Shade by {0}", shadingLabels[shading]), () =>
      dispatch({ kind: "tokensShading", shading }),
    ),
  }));
  panel.tools.append(...choices.map(({ toggle }) => toggle.node));
  const hint = element("p", { class: "panel-hint" });
  const box = element("div", { class: "tokens model-text", role: "listbox", label: t("Tokens"), tabIndex: 0 });
  const detail = element("div", { class: "token-detail", attributes: { "aria-live": "polite" } });
  panel.body.append(hint, box, detail);
  const cursor = createCursor(box, (token) => detail.replaceChildren(...(token === null ? [] : detailNodes(token))));

  const renderTokens = whenChanged((known: KnownTokens | null, shading: Shading) => {
    const tokens = known?.tokens ?? [];
    const problem = known === null ? t("Reading the tokens…") : problemOf(known, shading);
    setText(hint, problem ?? shadingHints[shading]);
    box.hidden = tokens.length === 0;
    box.replaceChildren(...shadeTokens(tokens, shading).map(tokenNode));
    cursor.setTokens(tokens);
  });
  return {
    node: panel.node,
    render: (state) => {
      const completion: CompletionView | null = shownCompletion(state);
      panel.setShown(state.tokens.isOn && completion !== null);
      if (!state.tokens.isOn || completion === null) return;
      panel.setTitle(t("Tokens of rollout {0}", completion.k + 1));
      for (const { shading, toggle } of choices) toggle.setPressed(shading === state.tokens.shading);
      renderTokens(state.tokens.known.get(completion.record.id) ?? null, state.tokens.shading);
    },
  };
}

/** The token that is looked at: under the pointer, or reached by the arrow keys. */
function createCursor(box: HTMLElement, onShow: (token: TokenDetail | null) => void) {
  let tokens: readonly TokenDetail[] = [];
  let active = -1;
  const show = (index: number): void => {
    box.querySelector(".token.active")?.classList.remove("active");
    const node = box.children[index];
    active = node === undefined ? -1 : index;
    node?.classList.add("active");
    node?.scrollIntoView({ block: "nearest" });
    if (node === undefined) box.removeAttribute("aria-activedescendant");
    else setAttribute(box, "aria-activedescendant", node.id);
    onShow(tokens[active] ?? null);
  };
  box.addEventListener("pointerover", (event) => {
    const node = event.target instanceof Element ? event.target.closest<HTMLElement>(".token") : null;
    if (node !== null) show(Number(node.dataset["index"]));
  });
  box.addEventListener("keydown", (event) => {
    const moves: Readonly<Record<string, number>> = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
    const delta = moves[event.key];
    if (delta === undefined) return;
    event.preventDefault();
    show(clamp(active + delta, 0, tokens.length - 1));
  });
  return {
    /** Another shading of the same tokens keeps the place. */
    setTokens: (next: readonly TokenDetail[]): void => {
      const place = next === tokens ? active : -1;
      tokens = next;
      show(place);
    },
  };
}

function problemOf({ tokens, reason }: KnownTokens, shading: Shading): string | null {
  if (tokens === null) return reason ?? t("This run did not keep the tokens of this step.");
  return shadingProblem(tokens, shading);
}

function tokenNode(token: ShadedToken, index: number): HTMLElement {
  const node = element("span", {
    class: "token",
    role: "option",
    text: token.shownText,
    label: token.spoken,
    attributes: { id: `token-${index}`, "data-index": String(index), "aria-selected": "false" },
  });
  node.style.setProperty("--shade", `${Math.round(42 * Math.min(1, Math.abs(token.depth)))}%`);
  node.dataset["sign"] = token.depth < 0 ? "less" : "more";
  return node;
}

/** The sampled token's numbers, and the likeliest tokens with it among them. */
function detailNodes(token: TokenDetail): readonly HTMLElement[] {
  const [choices, facts] = [tokenChoices(token), tokenFacts(token).join(" · ")];
  const rows = choices.map(({ text, probability, isSampled }) => {
    const fill = element("span", { class: "reward-fill" });
    fill.style.width = `${100 * probability}%`;
    return element("li", { class: isSampled ? "token-choice sampled" : "token-choice" }, [
      element("span", { class: "token-choice-text", text: JSON.stringify(text).slice(1, -1) }),
      element("span", { class: "reward-bar", attributes: { "aria-hidden": "true" } }, [fill]),
      element("span", { text: `${formatProbability(Math.log(probability))}${isSampled ? t(" · sampled") : ""}` }),
    ]);
  });
  return [
    element("p", { class: "token-facts" }, [
      element("span", { class: "token-choice-text", text: JSON.stringify(token.text).slice(1, -1) }),
      element("span", { text: facts }),
    ]),
    ...(rows.length === 0 ? [] : [element("ul", { class: "token-choices", label: t("Likeliest tokens") }, rows)]),
  ];
}
