import { GraphBuilder } from "../graph/builder.ts";
import type { Shape, Value } from "../graph/types.ts";
import type { PolicyConfig } from "./config.ts";
import { adapterName, adapterSpecs, hasAdapter, type LoraConfig } from "./lora.ts";
import { parameterSpecs } from "./parameters.ts";

/** A graph under construction that reads the policy's weights: each becomes an input when it is first used. */
export class PolicyGraph {
  readonly g: GraphBuilder;
  readonly config: PolicyConfig;
  readonly lora: LoraConfig | null;
  readonly #shapes: ReadonlyMap<string, Shape>;
  readonly #weights = new Map<string, Value>();
  #adapterScale: Value | undefined;

  constructor(name: string, config: PolicyConfig, lora: LoraConfig | null) {
    this.g = new GraphBuilder(name);
    this.config = config;
    this.lora = lora;
    const specs = [...parameterSpecs(config), ...(lora === null ? [] : adapterSpecs(config, lora))];
    this.#shapes = new Map(specs.map((s) => [s.name, s.shape]));
  }

  hasWeight(name: string): boolean {
    return this.#shapes.has(name);
  }

  /** Whether the graph so far reads a weight. */
  uses(name: string): boolean {
    return this.#weights.has(name);
  }

  weight(name: string): Value {
    const known = this.#weights.get(name);
    if (known !== undefined) return known;
    const shape = this.#shapes.get(name);
    if (shape === undefined) throw new Error(`internal: no parameter ${name}`);
    const value = this.g.input(name, shape);
    this.#weights.set(name, value);
    return value;
  }

  /**
   * x [N, in] through a projection with its bias, if it has one, and its adapter, if it carries one.
   * The adapter is scaled by the input `adapter_scale` (1 for the policy, 0 for the reference policy).
   */
  linear(x: Value, projection: string): Value {
    const { g } = this;
    const bias = this.hasWeight(`${projection}.bias`) ? this.weight(`${projection}.bias`) : undefined;
    const base = g.linear(x, this.weight(`${projection}.weight`), bias);
    if (this.lora === null || !hasAdapter(projection, this.lora)) return base;
    this.#adapterScale ??= g.input("adapter_scale", []);
    const low = g.linear(x, this.weight(adapterName(projection, "A")));
    const update = g.linear(low, this.weight(adapterName(projection, "B")));
    return g.add(base, g.mul(g.scale(update, this.lora.alpha / this.lora.rank), this.#adapterScale));
  }
}

/** Constant positions 0 … length - 1 for each of `rows` rows: [rows, length]. */
export function countingPositions(g: GraphBuilder, rows: number, length: number): Value {
  const data = BigInt64Array.from({ length: rows * length }, (_, i) => BigInt(i % length));
  return g.tensor(data, [rows, length]);
}

/** softmax(alpha q k^T + mask) v over the last two axes; mask is added to scores reshaped to `scoreShape`. */
export function attend(
  g: GraphBuilder,
  q: Value,
  k: Value,
  v: Value,
  alpha: number,
  mask?: { readonly value: Value; readonly scoreShape: Shape },
): Value {
  const scores = g.matmul(q, k, { transB: true, alpha });
  const masked =
    mask === undefined ? scores : g.reshape(g.add(g.reshape(scores, mask.scoreShape), mask.value), scores.shape);
  return g.matmul(g.softmax(masked), v);
}

/** Score of a pair that must not attend: far below any real score, yet finite, so that no row becomes NaN. */
export const masked = -1e9;
