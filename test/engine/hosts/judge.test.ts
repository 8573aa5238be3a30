import assert from "node:assert/strict";
import fs from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import type { RewardItem } from "../../../src/protocol/reward.ts";
import { judgeSchema, rewardSchema } from "../../../src/protocol/rewardSpec.ts";
import type { Truth } from "../../../src/protocol/tasks.ts";
import { createJudge } from "../../../src/engine/hosts/judge.ts";
import type { JudgedReward } from "../../../src/engine/rewards/reward.ts";

interface Asked {
  readonly route: string;
  readonly key: string | undefined;
  readonly body: {
    readonly model: string;
    readonly input?: string;
    readonly messages?: readonly { content: string }[];
  };
}

type Reply = { readonly status?: number; readonly headers?: Record<string, string>; readonly json: unknown };

/** An OpenAI-compatible server; each test says what it answers. */
let server: http.Server;
let endpoint: string;
let asked: Asked[];
let reply: (request: Asked) => Reply | "never";
let cacheDir: string;
let [underWay, mostUnderWay] = [0, 0];

before(async () => {
  server = http.createServer((request, response) => {
    let text = "";
    request.on("data", (chunk: Buffer) => (text += chunk.toString()));
    request.on("end", () => {
      const one = {
        route: request.url ?? "",
        key: request.headers.authorization,
        body: JSON.parse(text) as Asked["body"],
      };
      asked.push(one);
      underWay += 1;
      mostUnderWay = Math.max(mostUnderWay, underWay);
      const answer = reply(one);
      if (answer === "never") return;
      setTimeout(() => {
        underWay -= 1;
        response.writeHead(answer.status ?? 200, answer.headers).end(JSON.stringify(answer.json));
      }, 5);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  assert.ok(address !== null && typeof address !== "string");
  endpoint = `http://127.0.0.1:${address.port}/v1`;
});
beforeEach(() => {
  asked = [];
  [underWay, mostUnderWay] = [0, 0];
  cacheDir = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-judge-"));
});
afterEach(() => fs.rmSync(cacheDir, { recursive: true, force: true }));
after(() => {
  server.closeAllConnections();
  server.close();
});

function reward(name: "event-recall" | "semantic-similarity", options: object = {}): JudgedReward {
  const parsed = rewardSchema.parse({ name, endpoint, model: "judge", ...options });
  // SAFETY: both names are those of judged rewards.
  return parsed as JudgedReward;
}

const captions = (events: readonly string[]): Truth => ({ task: "captioning", captions: ["A cat jumps."], events });

function item(
  id: string,
  text: string | undefined,
  truth: Truth = captions(["a cat jumps", "a dog barks"]),
): RewardItem {
  const failures = text === undefined ? (["no-answer-tag"] as const) : [];
  return {
    completion: {
      id,
      text: text ?? "",
      parsed: { task: truth.task, text, failures },
      tokenCount: 3,
      finishReason: "eos",
    },
    example: {
      id: "e",
      datasetId: "d",
      task: truth.task,
      question: "",
      truth,
      videoPath: "",
      durationSec: 8,
      frames: null,
      prompt: "",
      think: false,
      row: {},
    },
  };
}

const chat = (content: string): Reply => ({ json: { choices: [{ message: { content } }] } });
const verdict = (...entailed: boolean[]): Reply =>
  chat(
    `Here you are:\n\`\`\`json\n${JSON.stringify({ events: entailed.map((e) => ({ event: "x", entailed: e })) })}\n\`\`\``,
  );
const quick = { firstRetryMs: 1 };

test("event-recall is the share of events that the judge finds in the description", async () => {
  reply = ({ body }) => {
    const question = body.messages?.[1]?.content ?? "";
    assert.match(question, /Events:\n- a cat jumps\n- a dog barks\n\nDescription:\n/);
    return verdict(true, question.includes("barks\n\nDescription:\nA cat and a dog"));
  };
  const judge = createJudge({ cacheDir, ...quick });
  const outcomes = await judge.score(reward("event-recall"), [
    item("1/0/0", "A cat."),
    item("1/0/1", "A cat and a dog."),
    item("1/0/2", undefined),
    item("1/0/3", "A cat.", { task: "captioning", captions: [], events: [] }),
  ]);
  assert.deepEqual(outcomes, [
    { ok: true, output: { value: 0.5, parts: { events: 2, entailed: 1 } } },
    { ok: true, output: { value: 1, parts: { events: 2, entailed: 2 } } },
    { ok: true, output: { value: 0, reason: "no-answer-tag" } }, // nothing to ask about
    { ok: true, output: { value: null } }, // nothing is known to be right
  ]);
  assert.deepEqual(
    asked.map(({ route }) => route),
    ["/v1/chat/completions", "/v1/chat/completions"],
  );
});

test("answers are kept on disk: a second scoring asks nothing", async () => {
  reply = () => verdict(true, false);
  const items = [item("1/0/0", "A cat."), item("1/0/1", "A cow.")];
  const first = await createJudge({ cacheDir }).score(reward("event-recall"), items);
  assert.equal(asked.length, 2);
  const second = await createJudge({ cacheDir }).score(reward("event-recall"), items);
  assert.deepEqual(second, first);
  assert.equal(asked.length, 2);
  await createJudge({ cacheDir }).score(reward("event-recall", { model: "another" }), items);
  assert.equal(asked.length, 4);
});

test("an answer that leaves events out, or is no JSON, is an error of its rollout, and is asked again the next time", async () => {
  let isMended = false;
  reply = () => (isMended ? verdict(true, true) : asked.length === 1 ? verdict(true) : chat("I cannot say."));
  const items = [item("1/0/0", "A cat."), item("1/0/1", "A cow.")];
  const outcomes = await createJudge({ cacheDir }).score(reward("event-recall", { concurrency: 1 }), items);
  for (const outcome of outcomes) {
    assert.ok(!outcome.ok);
    assert.equal(outcome.error.kind, "judge");
    assert.match(outcome.error.message, /did not answer with the JSON that was asked for/);
  }
  isMended = true;
  const again = await createJudge({ cacheDir }).score(reward("event-recall"), items);
  assert.deepEqual(
    again.map((outcome) => outcome.ok && outcome.output.value),
    [1, 1],
  );
});

test("precision and recall of events: the judge lists those of the answer, and compares both ways", async () => {
  const listed: Readonly<Record<string, readonly string[]>> = {
    "A cat jumps and sings.": ["a cat jumps", "a cat sings"],
    "A quiet room.": [],
    "A dog sleeps.": ["a dog sleeps"],
  };
  reply = ({ body }) => {
    const question = body.messages?.[1]?.content ?? "";
    const events = [...question.matchAll(/^- (.+)$/gm)].map(([, event = ""]) => event);
    const description = /Description:\n(.*)$/.exec(question)?.[1] ?? "";
    if (events.length === 0) return chat(JSON.stringify({ events: listed[description] }));
    return verdict(...events.map((event) => description.toLowerCase().includes(event.replace("a cat ", ""))));
  };
  const spec = judgeSchema.parse({ endpoint, model: "judge" });
  const judge = createJudge({ cacheDir, ...quick });
  const reference = "A cat jumps. A dog barks.";
  const events = ["a cat jumps", "a dog barks"];
  const scoresOf = (answer: string, known = events, right = reference) =>
    judge.scoreEvents(spec, { answer, reference: right, events: known });
  assert.deepEqual(await scoresOf("A cat jumps and sings."), { recall: 0.5, precision: 0.5 });
  // It claims nothing that would be wrong.
  assert.deepEqual(await scoresOf("A quiet room."), { recall: 0, precision: 1 });
  const before = asked.length;
  assert.deepEqual(await scoresOf("A cat jumps and sings."), { recall: 0.5, precision: 0.5 });
  assert.equal(asked.length, before, "answers are kept");
  // Without listed events the judge lists those of the reference too.
  assert.deepEqual(await scoresOf("A cat jumps and sings.", [], "A dog sleeps."), { recall: 0, precision: 0 });
  reply = () => chat("I cannot say.");
  await assert.rejects(scoresOf("Something else."), /did not answer with the JSON that was asked for/);
});

test("similarity is the cosine with the nearest reference, which is asked for once", async () => {
  const vectors: Readonly<Record<string, readonly number[]>> = { red: [1, 0], crimson: [3, 4], blue: [-1, 0] };
  reply = ({ body }) => ({ json: { data: [{ embedding: vectors[body.input ?? ""] }] } });
  const truth: Truth = { task: "open", answer: "red" };
  const items = ["crimson", "blue", "red"].map((text, k) => item(`1/0/${k}`, text, truth));
  const outcomes = await createJudge({ cacheDir }).score(reward("semantic-similarity"), items);
  assert.deepEqual(
    outcomes.map((outcome) => outcome.ok && outcome.output.value),
    [0.6, 0, 1],
  );
  assert.deepEqual(asked.map(({ body }) => body.input).sort(), ["blue", "crimson", "red"]);
});

test("a busy server is asked again, one that refuses is not", async () => {
  reply = () => (asked.length < 3 ? { status: asked.length === 1 ? 503 : 429, json: "busy" } : verdict(true, true));
  const [outcome] = await createJudge({ cacheDir, ...quick }).score(reward("event-recall"), [item("1/0/0", "A cat.")]);
  assert.deepEqual([outcome?.ok, asked.length], [true, 3]);
  reply = () => ({ status: 401, json: { error: "no key" } });
  const [refused] = await createJudge({ cacheDir, ...quick }).score(reward("event-recall"), [item("1/0/0", "A cow.")]);
  assert.ok(refused !== undefined && !refused.ok);
  assert.match(refused.error.message, /chat\/completions: status 401: .*no key/);
  assert.equal(asked.length, 4);
});

test("the budget, the number of requests at once and the time of one are kept", async () => {
  reply = () => verdict(true, true);
  const items = Array.from({ length: 6 }, (_, k) => item(`1/0/${k}`, `Cat ${k}.`));
  const spec = reward("event-recall", { maxRequests: 4, concurrency: 2 });
  const outcomes = await createJudge({ cacheDir }).score(spec, items);
  assert.deepEqual([outcomes.filter(({ ok }) => ok).length, asked.length, mostUnderWay], [4, 4, 2]);
  const spent = outcomes.find(({ ok }) => !ok);
  assert.ok(spent !== undefined && !spent.ok && /budget of 4 requests is spent/.test(spent.error.message));
  reply = () => "never";
  const slow = reward("event-recall", { requestTimeoutMs: 100, retries: 0 });
  const [late] = await createJudge({ cacheDir }).score(slow, [item("1/0/9", "A bird.")]);
  assert.ok(late !== undefined && !late.ok && /timeout/i.test(late.error.message));
});

test("the key comes from the environment alone", async () => {
  reply = () => verdict(true, true);
  const spec = reward("event-recall", { apiKeyVariable: "VRFT_TEST_KEY" });
  const [without] = await createJudge({ cacheDir }).score(spec, [item("1/0/0", "A cat.")]);
  assert.ok(without !== undefined && !without.ok && /VRFT_TEST_KEY is not set/.test(without.error.message));
  process.env["VRFT_TEST_KEY"] = "secret";
  try {
    await createJudge({ cacheDir }).score(spec, [item("1/0/0", "A cat.")]);
  } finally {
    delete process.env["VRFT_TEST_KEY"];
  }
  assert.equal(asked[0]?.key, "Bearer secret");
  const kept = fs
    .readdirSync(cacheDir, { recursive: true })
    .map(String)
    .filter((name) => name.endsWith(".json"));
  for (const name of kept) assert.ok(!fs.readFileSync(path.join(cacheDir, name), "utf8").includes("secret"));
});

test("nobody waits for a server once the scores are not wanted any more", async () => {
  reply = () => "never";
  const wanted = new AbortController();
  const judge = createJudge({ cacheDir, signal: wanted.signal });
  const scoring = judge.score(reward("event-recall", { retries: 0 }), [item("1/0/0", "A cat.")]);
  setTimeout(() => wanted.abort(), 20);
  await assert.rejects(scoring, { name: "AbortError" });
});
