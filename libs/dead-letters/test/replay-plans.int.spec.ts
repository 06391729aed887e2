import { PARTITIONS } from '@orderstream/contracts';
import { waitUntil } from '@orderstream/deadlines';
import { DEFAULT_CATALOG_LIMITS, DEFAULT_STATE_LIMITS, qualitySettings } from '@orderstream/quality';
import { lastValueFrom, toArray } from 'rxjs';
import { everyStep } from '../../../test/support/every-step';
import { type Plan, type PlanState, type ReplayRequest } from '../src/replay/plan';
import { ReplayPlans, type ReplayPlansOptions } from '../src/replay/replay-plans';
import { ReplayChangedError, ReplayKeyReusedError, ReplayStateError } from '../src/replay/replay-errors';
import { kafka, logger, numbersByKey, ReplayLog, someBodies } from './replay-log';

jest.setTimeout(180_000);

const EVALUATION = {
  ...{ quality: qualitySettings(), stateLimits: DEFAULT_STATE_LIMITS, catalogLimits: DEFAULT_CATALOG_LIMITS },
  ...{ revision: 7, problems: ['there is no rule x'] },
  comparison: {
    comparedWith: ['validator'],
    differences: [{ setting: 'RULE_MAX_LATE_MS', dryRun: 1, validator: 2, service: 'validator' }],
  },
};
const opened: ReplayPlans[] = [];
const logs: ReplayLog[] = [];

async function newLog(letters: number): Promise<ReplayLog> {
  const log = new ReplayLog();
  await log.start();
  logs.push(log);
  await log.reject(someBodies(letters));
  return log;
}

async function consoleOf(log: ReplayLog, more: Partial<ReplayPlansOptions> = {}): Promise<ReplayPlans> {
  const plans = new ReplayPlans({
    kafka,
    letters: { index: log.index, caughtUp: () => log.caughtUp() },
    settings: () => Promise.resolve(EVALUATION),
    logger,
    topic: log.replays,
    leaseMs: 1_500,
    finalTimeoutMs: 200,
    canaryTimeoutMs: 2_000,
    ...more,
  });
  await plans.open();
  opened.push(plans);
  return plans;
}

afterEach(async () => {
  await everyStep(
    ...opened.splice(0).map((plans) => () => plans.close()),
    ...logs.splice(0).map((log) => () => log.stop()),
  );
});

const reached = (plans: ReplayPlans, id: string, ...states: PlanState[]): Promise<Plan> =>
  waitUntil(
    () => {
      const plan = plans.get(id);
      return states.includes(plan.state) ? plan : undefined;
    },
    { what: `${id} to be ${states.join(' or ')}`, deadlineMs: 60_000 },
  );

async function readyPlan(plans: ReplayPlans, request: ReplayRequest, key: string): Promise<Plan> {
  const { plan } = await plans.create(request, 'ann', key);
  await plans.preview(plan.id, 'ann');
  return reached(plans, plan.id, 'ready');
}

describe('the plans of consoles on one broker', () => {
  it('go from a draft to the receipts, once, whatever is asked twice', async () => {
    const log = await newLog(300);
    const plans = await consoleOf(log);
    const request = { topic: log.topic.topic, filter: { reason: 'reference.unknown_vendor' }, ratePerSecond: 5_000 };
    const { plan: draft, isNew } = await plans.create(request, 'ann', 'key');
    expect([draft.state, isNew]).toEqual(['draft', true]);
    expect((await plans.create(request, 'bob', 'key')).plan.id).toBe(draft.id);
    await expect(plans.create({ ...request, note: 'x' }, 'ann', 'key')).rejects.toThrow(ReplayKeyReusedError);
    await expect(plans.start(draft.id, draft.revision, 'ann')).rejects.toThrow(ReplayStateError);
    await plans.preview(draft.id, 'ann');
    const ready = await reached(plans, draft.id, 'ready');
    expect(ready.preview).toMatchObject({ letters: 300, followers: 0, total: 300 });
    expect(ready.preview?.samples).toHaveLength(5);
    const { comparison, quality } = EVALUATION;
    expect(ready.preview?.settings).toEqual({ version: quality.version, revision: 7, ...comparison });
    expect(ready.preview?.warnings).toContainEqual(
      expect.stringMatching(/not evaluate as validator does: RULE_MAX_LATE_MS is 1, there 2/),
    );
    expect(ready.preview?.warnings).toContainEqual(expect.stringMatching(/^1 settings at run time/));

    await log.reject(someBodies(5));
    await expect(plans.start(draft.id, ready.revision - 1, 'ann')).rejects.toThrow(ReplayChangedError);
    const seen = lastValueFrom(plans.changes(draft.id).pipe(toArray()));
    await plans.start(draft.id, ready.revision, 'ann');
    const finished = await reached(plans, draft.id, 'finished');
    // What came behind the preview did not join.
    expect(finished.progress).toMatchObject({ returned: 300, skipped: 0, rejected: 0, parked: 0, total: 300 });
    const returned = numbersByKey(await log.read(log.source));
    for (const [key, numbers] of returned) expect([key, numbers]).toEqual([key, numbers.toSorted((a, b) => a - b)]);
    expect([...returned.values()].flat().sort((a, b) => a - b)).toEqual(Array.from({ length: 300 }, (_, i) => i));
    const states = (await seen).map(({ state }) => state);
    expect(states[0]).toBe('ready');
    expect(states.at(-1)).toBe('finished');

    const letters: string[] = [];
    for (let cursor: string | undefined, page = 0; page === 0 || cursor !== undefined; page++) {
      const { receipts, next } = await plans.receipts(draft.id, { limit: 70, cursor });
      letters.push(...receipts.map(({ letter }) => letter));
      cursor = next;
    }
    expect(new Set(letters).size).toBe(300);
    expect(letters).toHaveLength(300);
  });

  it('wait for each other, and skip what the first has returned', async () => {
    const log = await newLog(400);
    const [one, other] = [await consoleOf(log), await consoleOf(log)];
    const request = { topic: log.topic.topic, filter: {}, ratePerSecond: 200 };
    const first = await readyPlan(one, request, 'first');
    const second = await readyPlan(other, { ...request, ratePerSecond: 10_000 }, 'second');
    await one.start(first.id, first.revision, 'ann');
    await reached(other, first.id, 'running');
    await other.start(second.id, second.revision, 'bob');
    expect(other.get(second.id)).toMatchObject({ state: 'waiting', waitingFor: first.id });
    // Paused in the middle, the first plan gives way.
    await waitUntil(() => one.get(first.id).progress.returned > 60, {
      what: '60 returned letters',
      deadlineMs: 30_000,
    });
    await one.pause(first.id, 'ann');
    const done = await reached(other, second.id, 'finished');
    const paused = one.get(first.id);
    expect(paused.state).toBe('paused');
    expect(done.progress.returned + done.progress.skipped).toBe(400);
    expect(done.progress.skipped).toBe(paused.progress.returned);
    await one.start(first.id, paused.revision, 'ann');
    const resumed = await reached(one, first.id, 'finished');
    expect(resumed.progress).toMatchObject({ returned: paused.progress.returned, skipped: done.progress.returned });
    expect(await log.read(log.source)).toHaveLength(400);
    const reasons = (await one.receipts(first.id, { limit: 1_000 })).receipts.flatMap(({ reason }) => reason ?? []);
    expect(new Set(reasons)).toEqual(new Set([`plan ${second.id} has returned it`]));
  });

  it('go on in another console when theirs is silent', async () => {
    const log = await newLog(400);
    let steps = 0;
    const hang = Promise.withResolvers<undefined>();
    const hangs = { reached: () => (++steps > 15 ? hang.promise.then(() => undefined) : undefined) };
    const first = await consoleOf(log, { faults: hangs });
    const plan = await readyPlan(first, { topic: log.topic.topic, filter: {}, ratePerSecond: 400 }, 'key');
    await first.start(plan.id, plan.revision, 'ann');
    await waitUntil(() => steps > 15 + PARTITIONS / 2, { what: 'partitions that hang', deadlineMs: 30_000 });
    // The console hangs in the middle of its transactions, and says nothing any more; a new one reads the record.
    const closed = first.close();
    const next = await consoleOf(log);
    const done = await reached(next, plan.id, 'finished');
    expect(done.progress).toMatchObject({ returned: 400, skipped: 0 });
    // It wakes up behind the end, and tries what it was about to do.
    hang.resolve(undefined);
    opened.splice(opened.indexOf(first), 1);
    await closed;
    const returned = await log.read(log.source);
    expect([...numbersByKey(returned).values()].flat().sort((a, b) => a - b)).toEqual(
      Array.from({ length: 400 }, (_, i) => i),
    );
  });

  it('are cancelled with what was done, and report a topic that is gone', async () => {
    const log = await newLog(200);
    const plans = await consoleOf(log);
    const request = { topic: log.topic.topic, filter: {}, ratePerSecond: 20 };
    const plan = await readyPlan(plans, request, 'key');
    await plans.start(plan.id, plan.revision, 'ann');
    await waitUntil(() => plans.get(plan.id).progress.returned > 0, { what: 'a returned letter', deadlineMs: 30_000 });
    await plans.cancel(plan.id, 'ann');
    await expect(plans.pause(plan.id, 'ann')).rejects.toThrow(ReplayStateError);
    const returned = await log.read(log.source);
    expect(returned.length).toBeLessThan(200);
    await waitUntil(() => plans.get(plan.id).progress.returned === returned.length, {
      what: 'the receipts of what was returned',
      deadlineMs: 10_000,
    });

    const absent = { ...request, topic: log.topic.topic.replace('.orders.', '.customers.') };
    const { plan: other } = await plans.create(absent, 'ann', 'absent');
    await plans.preview(other.id, 'ann');
    const draft = await reached(plans, other.id, 'draft');
    expect(draft.error?.type).toBe('REPLAY_TOPIC_MISSING');
  });

  it('stop when their canary comes back', async () => {
    const log = await newLog(100);
    const plans = await consoleOf(log, { canaryTimeoutMs: 20_000 });
    const plan = await readyPlan(
      plans,
      { topic: log.topic.topic, filter: {}, ratePerSecond: 5_000, canary: 10 },
      'key',
    );
    await plans.start(plan.id, plan.revision, 'ann');
    await waitUntil(() => plans.get(plan.id).progress.returned === 10, { what: 'the canary', deadlineMs: 30_000 });
    await log.rejectAgain();
    const stopped = await reached(plans, plan.id, 'stopped');
    expect(stopped.progress).toMatchObject({ returned: 10, cameBack: 10 });
    expect(stopped.error?.detail).toContain('10 of 10 returned letters came back');
    expect(await log.read(log.source)).toHaveLength(10);
  });
});
