import assert from "node:assert/strict";

/** Asks again until there is an answer. */
export async function until<T>(what: string, ask: () => Promise<T | null> | T | null): Promise<T> {
  const giveUpAt = Date.now() + 300_000;
  for (;;) {
    const answer = await ask();
    if (answer !== null) return answer;
    assert.ok(Date.now() < giveUpAt, `waited 5 minutes for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
