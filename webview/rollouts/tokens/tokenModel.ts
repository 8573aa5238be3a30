import { t } from "@vscode/l10n";
import type { TokenDetail } from "../../../src/protocol/messages.ts";
import { formatNumber } from "../format.ts";

export const shadings = ["probability", "entropy", "kl"] as const;
export type Shading = (typeof shadings)[number];

export const shadingLabels: Readonly<Record<Shading, string>> = {
  probability: t("Probability"),
  entropy: t("Entropy"),
  kl: "KL",
};

/** What the shading means, for the legend. */
export const shadingHints: Readonly<Record<Shading, string>> = {
  probability: t("The darker, the less probable the sampled token was."),
  entropy: t("The darker, the less sure the policy was of the next token (nats, against the most of this completion)."),
  kl: t("Log-probability less that of the reference policy (nats): blue where the policy is surer, orange where less."),
};

export interface ShadedToken {
  readonly text: string;
  /** As it is shown: line breaks and the like are visible. */
  readonly shownText: string;
  /** Depth in [-1, 1]; negative only for KL. */
  readonly depth: number;
  readonly spoken: string;
}

/** Why a shading cannot be had; null when it can. */
export function shadingProblem(tokens: readonly TokenDetail[], shading: Shading): string | null {
  if (shading !== "kl" || tokens.every(({ refLogprob }) => refLogprob !== null)) return null;
  return t("There is no reference policy to compare with: the run has beta 0, or did not keep its log-probabilities.");
}

export function shadeTokens(tokens: readonly TokenDetail[], shading: Shading): readonly ShadedToken[] {
  const values = tokens.map((token) => valueOf(token, shading));
  // Small differences must not look like large ones: the scale never goes below these (nats).
  const floor = shading === "kl" ? 0.5 : 1;
  const scale = shading === "probability" ? 1 : Math.max(floor, ...values.map(Math.abs));
  return tokens.map((token, index) => ({
    text: token.text,
    shownText: visible(token.text),
    depth: (values[index] ?? 0) / scale,
    spoken: `${visible(token.text)}, ${tokenFacts(token).join(", ")}`,
  }));
}

/** KL of one token, as its contribution to the log-ratio; null without a reference. */
export function tokenKl({ logprob, refLogprob }: TokenDetail): number | null {
  return refLogprob === null ? null : logprob - refLogprob;
}

export function tokenFacts(token: TokenDetail): readonly string[] {
  const kl = tokenKl(token);
  return [
    t("probability {0}", formatProbability(token.logprob)),
    t("entropy {0}", formatNumber(token.entropy)),
    ...(kl === null ? [] : [`KL ${formatNumber(kl, 3)}`]),
  ];
}

export interface TokenChoice {
  readonly text: string;
  readonly probability: number;
  readonly isSampled: boolean;
}

/** The likeliest tokens with the sampled one among them; empty when the run kept no alternatives. */
export function tokenChoices(token: TokenDetail): readonly TokenChoice[] {
  if (token.alternatives.length === 0) return [];
  const sampledAt = token.alternatives.findIndex(({ text }) => text === token.text);
  const choices = token.alternatives.map(({ text, logprob }, index) => ({
    text: visible(text),
    probability: Math.exp(logprob),
    isSampled: index === sampledAt,
  }));
  if (sampledAt >= 0) return choices;
  return [...choices, { text: visible(token.text), probability: Math.exp(token.logprob), isSampled: true }];
}

/** "62 %", "0.4 %", "< 0.01 %". */
export function formatProbability(logprob: number): string {
  const percent = 100 * Math.exp(logprob);
  if (percent < 0.01) return "< 0.01 %";
  return `${percent >= 10 ? percent.toFixed(0) : percent >= 1 ? percent.toFixed(1) : percent.toFixed(2)} %`;
}

function valueOf(token: TokenDetail, shading: Shading): number {
  switch (shading) {
    case "probability":
      return 1 - Math.exp(token.logprob);
    case "entropy":
      return token.entropy;
    case "kl":
      return tokenKl(token) ?? 0;
    default:
      throw new Error(`internal: unknown shading ${String(shading satisfies never)}`);
  }
}

function visible(text: string): string {
  return text === "" ? "∅" : text.replaceAll("\n", "⏎\n").replaceAll("\t", "⇥");
}
