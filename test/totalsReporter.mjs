// Writes the totals of a run as JSON; Node's own summary differs between versions and output devices.
const names = { pass: "passed", fail: "failed", cancelled: "failed", skipped: "skipped", todo: "skipped" };

export default async function* totalsReporter(events) {
  const totals = { passed: 0, failed: 0, skipped: 0 };
  for await (const event of events) {
    if (event.type !== "test:diagnostic" || event.data.nesting !== 0) continue;
    const [, name, count] = /^(pass|fail|cancelled|skipped|todo) (\d+)$/.exec(event.data.message) ?? [];
    if (name !== undefined) totals[names[name]] += Number(count);
  }
  yield JSON.stringify(totals);
}
