import { waitUntil } from '@orderstream/deadlines';
import { DEFAULT_CATALOG_LIMITS, DEFAULT_STATE_LIMITS, qualitySettings } from '@orderstream/quality';
import { everyStep } from '../../../test/support/every-step';
import { parseForeignLetter } from '../src/import/foreign-letter';
import { type Plan, type PlanState, type Receipt, type ReplayRequest } from '../src/replay/plan';
import { ReplayInvalidError } from '../src/replay/replay-errors';
import { ReplayPlans, type ReplayPlansOptions } from '../src/replay/replay-plans';
import { ForeignLog } from './foreign-log';
import { kafka, logger, numbersByKey } from './replay-log';

jest.setTimeout(180_000);

const EVALUATION = {
  ...{ quality: qualitySettings(), stateLimits: DEFAULT_STATE_LIMITS, catalogLimits: DEFAULT_CATALOG_LIMITS },
  ...{ revision: 0, problems: [], comparison: { comparedWith: ['validator'], differences: [] } },
};
const opened: ReplayPlans[] = [];
const logs: ForeignLog[] = [];

async function newLog(): Promise<ForeignLog> {
  const log = new ForeignLog();
  await log.start();
  logs.push(log);
  return log;
}

async function consoleOf(log: ForeignLog, more: Partial<ReplayPlansOptions> = {}): Promise<ReplayPlans> {
  const plans = new ReplayPlans({
    kafka,
    letters: { index: log.index, caughtUp: () => log.caughtUp() },
    foreignTopics: new Set([log.letters]),
    settings: () => Promise.resolve(EVALUATION),
    logger,
    topic: log.replays,
    leaseMs: 1_500,
    finalTimeoutMs: 200,
    canaryTimeoutMs: 30_000,
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

async function readyPlan(plans: ReplayPlans, log: ForeignLog, request: Partial<ReplayRequest> = {}): Promise<Plan> {
  const { plan } = await plans.create({ topic: log.letters, filter: {}, ...request }, 'ann', 'key');
  await plans.preview(plan.id, 'ann');
  return reached(plans, plan.id, 'ready');
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, number) => number);
const ascending = (numbers: Iterable<number>): number[] => [...numbers].sort((a, b) => a - b);

async function receiptsOf(plans: ReplayPlans, id: string): Promise<readonly Receipt[]> {
  return (await plans.receipts(id, { limit: 1_000 })).receipts;
}

describe('the dead letters of another program', () => {
  it('return once to where they came from, in key order, killed at random points and taken over', async () => {
    const log = await newLog();
    await log.reject(log.source, upTo(400));
    let kills = 0;
    const faults = {
      reached: () => {
        if (Math.random() > 0.1) return;
        kills++;
        throw new Error('killed');
      },
    };
    const first = await consoleOf(log, { faults });
    const plan = await readyPlan(first, log, { ratePerSecond: 100 });
    expect(plan.preview).toMatchObject({
      ...{ letters: 400, followers: 0, total: 400, sources: [{ topic: log.source, letters: 400 }] },
      dryRun: { passes: 0, fails: [], undecided: 400 },
    });
    expect(plan.preview?.warnings).toContainEqual(expect.stringContaining(`Every consumer of ${log.source} reads`));
    await first.start(plan.id, plan.revision, 'ann');
    await waitUntil(() => first.get(plan.id).progress.returned > 60, { what: '60 letters', deadlineMs: 60_000 });
    opened.splice(opened.indexOf(first), 1);
    await first.close();
    const next = await consoleOf(log, { faults });
    const done = await reached(next, plan.id, 'finished');
    expect(done.progress).toMatchObject({ returned: 400, rejected: 0, skipped: 0, cameBack: 0 });
    expect(kills).toBeGreaterThan(0);

    const returned = await log.read(log.source);
    expect(ascending([...numbersByKey(returned).values()].flat())).toEqual(upTo(400));
    for (const [key, numbers] of numbersByKey(returned)) expect([key, numbers]).toEqual([key, ascending(numbers)]);
    for (const { partition, key, headers } of returned) {
      expect(String(key)).toBe(`key-${String(partition)}`);
      expect(Object.keys(headers).toSorted()).toEqual(['dlq-attempt', 'dlq-first-failed-at', 'dlq-replay', 'trace']);
    }
    const receipts = await receiptsOf(next, plan.id);
    expect(new Set(receipts.map(({ letter }) => letter)).size).toBe(400);
    expect(receipts).toHaveLength(400);
  });

  it('that cannot return have receipts that say why, and hold back no others', async () => {
    const log = await newLog();
    const gone = log.other;
    await log.reject(log.source, upTo(20));
    await log.reject(gone, [100, 101], 1);
    await log.reject(`${log.id}.absent`, [200], 1);
    await log.reject('marketplace.orders.validated.v1', [300], 1);
    await log.rejectUnknown();
    const plans = await consoleOf(log);
    const plan = await readyPlan(plans, log, { ratePerSecond: 1_000 });
    expect(plan.preview?.sources).toEqual([
      { topic: log.source, letters: 20 },
      { topic: gone, letters: 2 },
      { topic: `${log.id}.absent`, letters: 1, problem: `${log.id}.absent does not exist` },
      expect.objectContaining({ topic: 'marketplace.orders.validated.v1', letters: 1 }),
      expect.objectContaining({ topic: '', letters: 1 }),
    ]);
    // It is there at the preview, and gone at the start.
    await log.delete(gone);
    await plans.start(plan.id, plan.revision, 'ann');
    const done = await reached(plans, plan.id, 'finished');
    expect(done.progress).toMatchObject({ returned: 20, rejected: 5, total: 25 });
    const reasons = (await receiptsOf(plans, plan.id)).flatMap(({ reason }) => reason ?? []).toSorted();
    expect(reasons).toEqual(
      [
        `replay.source_topic: ${gone} does not exist`,
        `replay.source_topic: ${gone} does not exist`,
        `replay.source_topic: ${log.id}.absent does not exist`,
        'replay.source_topic: marketplace.orders.validated.v1 is a topic of this system, and not a raw one',
        'replay.source_unknown: its headers name no source topic',
      ].toSorted(),
    );
    expect(await log.read(log.source)).toHaveLength(20);
  });

  it('stop when their canary comes back, by the mark that the other program keeps', async () => {
    const log = await newLog();
    await log.reject(log.source, upTo(60));
    await log.consume(true);
    const plans = await consoleOf(log);
    const plan = await readyPlan(plans, log, { ratePerSecond: 1_000, canary: 10 });
    await plans.start(plan.id, plan.revision, 'ann');
    const stopped = await reached(plans, plan.id, 'stopped');
    expect(stopped.progress).toMatchObject({ returned: 10, cameBack: 10 });
    expect(await log.read(log.source)).toHaveLength(10);
    const again = (await log.read(log.letters)).flatMap((record) => {
      const letter = parseForeignLetter(record);
      return letter?.replay?.plan === plan.id ? [letter.attempt] : [];
    });
    expect(again).toEqual(Array(10).fill(2));
  });

  it('go on behind a canary that every reading group has taken, and wait while none reads', async () => {
    const log = await newLog();
    await log.reject(log.source, upTo(60));
    const plans = await consoleOf(log, { canaryTimeoutMs: 1_500 });
    const plan = await readyPlan(plans, log, { ratePerSecond: 1_000, canary: 10 });
    await plans.start(plan.id, plan.revision, 'ann');
    const paused = await reached(plans, plan.id, 'paused');
    expect(paused.progress).toMatchObject({ returned: 10 });
    expect(paused.outcome).toContain('canary were not evaluated');
    await plans.close();
    opened.length = 0;

    await log.consume(false);
    const next = await consoleOf(log, { finalTimeoutMs: 30_000 });
    await next.start(plan.id, paused.revision, 'ann');
    const done = await reached(next, plan.id, 'finished');
    expect(done.progress).toMatchObject({ returned: 60, cameBack: 0 });
    expect(done.outcome).toBeUndefined();
  });

  it('are edited as JSON, and are of a topic that the console follows', async () => {
    const log = await newLog();
    await log.reject(log.source, upTo(3));
    const plans = await consoleOf(log);
    const edit = [{ op: 'add', path: '/corrected', value: true }] as const;
    const plan = await readyPlan(plans, log, { edit });
    expect(plan.preview?.warnings).toContainEqual(expect.stringContaining('No contract checks the edit'));
    await plans.start(plan.id, plan.revision, 'ann');
    await reached(plans, plan.id, 'finished');
    const bodies = (await log.read(log.source)).map(({ value }) => String(value)).toSorted();
    expect(bodies).toEqual(upTo(3).map((number) => JSON.stringify({ number: String(number), corrected: true })));
    const receipts = await receiptsOf(plans, plan.id);
    expect(receipts.every(({ editedFrom, editedTo }) => editedFrom !== undefined && editedTo !== editedFrom)).toBe(
      true,
    );
    await expect(plans.create({ topic: log.source, filter: {} }, 'ann', 'other')).rejects.toThrow(ReplayInvalidError);
  });
});
