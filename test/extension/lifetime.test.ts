import assert from "node:assert/strict";
import { test } from "node:test";
import { coalesce, DisposableStore, Emitter, throttle } from "../../src/extension/lifetime.ts";

test("a store disposes the last item first, and late items at once", () => {
  const log: string[] = [];
  const item = (name: string) => ({ dispose: () => void log.push(name) });
  const store = new DisposableStore();
  store.add(item("a"));
  store.add(item("b"));
  store.dispose();
  store.add(item("late"));
  store.dispose();
  assert.deepEqual(log, ["b", "a", "late"]);
});

test("a listener may leave while it is called", () => {
  const emitter = new Emitter<number>();
  const heard: string[] = [];
  const first = emitter.event((n) => {
    heard.push(`first ${n}`);
    first.dispose();
  });
  emitter.event((n) => void heard.push(`second ${n}`));
  emitter.fire(1);
  emitter.fire(2);
  emitter.dispose();
  emitter.fire(3);
  assert.deepEqual(heard, ["first 1", "second 1", "second 2"]);
});

test("coalesced work never overlaps, and a call during a run sees a run that started after it", async () => {
  let running = 0;
  let starts = 0;
  const releases: (() => void)[] = [];
  const work = coalesce(async () => {
    starts += 1;
    running += 1;
    assert.equal(running, 1);
    await new Promise<void>((resolve) => releases.push(resolve));
    running -= 1;
  });
  const first = work();
  const others = [work(), work(), work()];
  assert.equal(starts, 1);
  releases.shift()?.();
  await first;
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(starts, 2);
  releases.shift()?.();
  await Promise.all(others);
  assert.equal(starts, 2);
});

test("coalesced work goes on after a failure", async () => {
  let starts = 0;
  const work = coalesce(async () => {
    starts += 1;
    if (starts === 1) throw new Error("first fails");
  });
  const first = work();
  const second = work();
  await assert.rejects(first, /first fails/);
  await second;
  assert.equal(starts, 2);
});

test("throttled work is done at once, rests as long as it is told, and never comes after its end", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const releases: (() => void)[] = [];
  let calls = 0;
  const work = throttle(
    () => 1000,
    () => {
      calls += 1;
      return new Promise<void>((resolve) => releases.push(resolve));
    },
  );
  const end = async (): Promise<void> => {
    releases.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  for (let i = 0; i < 5; i++) work();
  t.mock.timers.tick(5000);
  assert.equal(calls, 1, "it has not come to its end");
  await end();
  t.mock.timers.tick(999);
  assert.equal(calls, 1, "it rests");
  t.mock.timers.tick(1);
  assert.equal(calls, 2, "what was asked for meanwhile");
  await end();
  t.mock.timers.tick(1000);
  assert.equal(calls, 2, "nobody has asked");
  work();
  assert.equal(calls, 3);
  work();
  work.dispose();
  await end();
  t.mock.timers.tick(5000);
  assert.equal(calls, 3);
});
