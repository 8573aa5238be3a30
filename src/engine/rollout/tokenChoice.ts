/** A source of numbers in [0, 1), decided by its seed: splitmix32. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return ((z ^ (z >>> 16)) >>> 0) / 2 ** 32;
  };
}

export interface ChoiceOptions {
  /** 0 takes the most likely token. */
  readonly temperature: number;
  readonly topP: number;
  /** 0 keeps all. */
  readonly topK: number;
}

export interface TokenChoice {
  readonly token: number;
  /** Under log-softmax(logits / temperature) of the whole vocabulary: before top-k and top-p cut it. */
  readonly logprob: number;
  readonly entropy: number;
}

/**
 * Draws a token from logits. Top-k is applied before top-p, as transformers' logits processors are ordered; greedy choice
 * reports log-probabilities at temperature 1.
 * @param logits_V not changed
 * @param random uniform in [0, 1); called once unless the choice is greedy
 */
export function chooseToken(logits_V: Float32Array, options: ChoiceOptions, random: () => number): TokenChoice {
  const isGreedy = options.temperature === 0;
  const inverseTemperature = isGreedy ? 1 : 1 / options.temperature;
  const size = logits_V.length;
  let best = 0;
  for (let i = 1; i < size; i++) if ((logits_V[i] ?? 0) > (logits_V[best] ?? 0)) best = i;
  const top = (logits_V[best] ?? 0) * inverseTemperature;
  const mass_V = new Float64Array(size);
  let total = 0;
  let weighted = 0;
  for (let i = 0; i < size; i++) {
    const score = (logits_V[i] ?? 0) * inverseTemperature - top;
    const mass = Math.exp(score);
    mass_V[i] = mass;
    total += mass;
    weighted += mass * score;
  }
  const logTotal = Math.log(total);
  const token = isGreedy ? best : draw(mass_V, total, options, random());
  return {
    token,
    logprob: (logits_V[token] ?? 0) * inverseTemperature - top - logTotal,
    entropy: logTotal - weighted / total,
  };
}

export interface TopToken {
  readonly token: number;
  /** As TokenChoice.logprob. */
  readonly logprob: number;
}

/** The most likely tokens, the likeliest first; of equal ones the lower id. */
export function topTokens(logits_V: Float32Array, temperature: number, count: number): TopToken[] {
  if (count === 0) return [];
  const inverseTemperature = temperature === 0 ? 1 : 1 / temperature;
  const best = likeliest(logits_V, count);
  const top = (logits_V[best[0] ?? 0] ?? 0) * inverseTemperature;
  let total = 0;
  for (const logit of logits_V) total += Math.exp(logit * inverseTemperature - top);
  return best.map((token) => ({
    token,
    logprob: (logits_V[token] ?? 0) * inverseTemperature - top - Math.log(total),
  }));
}

/** Indices of the highest values, the highest first; of equal ones the lower index. A vocabulary is too long to sort a token. */
function likeliest(values_V: ArrayLike<number>, count: number): number[] {
  const best: number[] = [];
  for (let i = 0; i < values_V.length; i++) {
    const value = values_V[i] ?? 0;
    if (best.length === count && value <= (values_V[best[count - 1] ?? 0] ?? 0)) continue;
    let place = best.length;
    while (place > 0 && value > (values_V[best[place - 1] ?? 0] ?? 0)) place--;
    best.splice(place, 0, i);
    if (best.length > count) best.pop();
  }
  return best;
}

/** Tokens among which the nucleus lies, sorted: those left out have together less than 1 - topP of the mass. */
function nucleusCandidates(mass_V: Float64Array, total: number, topP: number): number[] {
  const least = (total * (1 - topP)) / mass_V.length;
  const candidates: number[] = [];
  for (let i = 0; i < mass_V.length; i++) if ((mass_V[i] ?? 0) >= least) candidates.push(i);
  return candidates.sort((a, b) => (mass_V[b] ?? 0) - (mass_V[a] ?? 0) || a - b);
}

/** Inverse CDF over the kept tokens. */
function draw(mass_V: Float64Array, total: number, { topP, topK }: ChoiceOptions, uniform: number): number {
  if (topP >= 1 && topK === 0) return inverseCdf(mass_V, uniform * total);
  const kept = topK > 0 ? likeliest(mass_V, topK) : nucleusCandidates(mass_V, total, topP);
  const keptTotal = topK > 0 ? kept.reduce((sum, i) => sum + (mass_V[i] ?? 0), 0) : total;
  let cumulative = 0;
  // The smallest set whose mass reaches top-p: the token that crosses the line is kept.
  const nucleus = kept.filter((i) => {
    const isKept = cumulative < topP * keptTotal;
    cumulative += mass_V[i] ?? 0;
    return isKept;
  });
  const masses = Float64Array.from(nucleus, (i) => mass_V[i] ?? 0);
  return nucleus[inverseCdf(masses, uniform * masses.reduce((a, b) => a + b, 0))] ?? 0;
}

function inverseCdf(mass: Float64Array, target: number): number {
  let cumulative = 0;
  let last = 0;
  for (let i = 0; i < mass.length; i++) {
    const m = mass[i] ?? 0;
    if (m === 0) continue;
    cumulative += m;
    last = i;
    if (target < cumulative) return i;
  }
  return last; // rounding left the target at the very end
}
