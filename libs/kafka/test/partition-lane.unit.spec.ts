import fc from 'fast-check';
import { ack, type BatchOutcome, type PartitionHooks, type RecordBatch, retry, stop } from '../src';
import { type LaneParts, PartitionLane } from '../src/server/partition-lane';
import { retryDelay } from '../src/server/retry-delay';

const PARTITION = { topic: 't', partition: 0 };
const LIMITS = { maxBatchRecords: 10, maxQueuedRecords: 100, maxQueuedBytes: 1_000_000, maxRetryMs: 10_000 };

/** A lane on a clock of its own, which is fed one record whenever it is open. */
class TestLane {
  /** Milliseconds that the lane waited, from failure to failure. */
  readonly waits: number[] = [];
  opened = 0;
  next = 0;
  readonly lane: PartitionLane;

  constructor(
    handle: (batch: RecordBatch, signal: AbortSignal) => BatchOutcome | Promise<BatchOutcome>,
    hooks: Partial<PartitionHooks> = {},
    random = 1,
  ) {
    const parts: LaneParts = {
      hooks: {
        open: () => {
          this.opened++;
          return Promise.resolve(this.next);
        },
        drain: () => Promise.resolve(),
        close: () => Promise.resolve(),
        ...hooks,
      },
      resumeAt: () => Promise.resolve(0),
      handle: async (batch, _, signal) => handle(batch, signal),
      wake: () => undefined,
      isPaused: () => false,
      logger: {
        debug: () => undefined,
        info: () => undefined,
        error: () => undefined,
        warn: (told) => {
          if (typeof told === 'object' && 'waitMs' in told) this.waits.push(Number(told.waitMs));
        },
      },
      random: () => random,
    };
    this.lane = new PartitionLane(PARTITION, parts, LIMITS, Promise.resolve());
  }

  /** Feeds it until it has waited so often. */
  async fail(times: number): Promise<readonly number[]> {
    for (const until = this.waits.length + times; this.waits.length < until;) await this.step();
    return this.waits;
  }

  /** Lets what is due happen, and hands over the next record. */
  async step(): Promise<void> {
    await jest.advanceTimersByTimeAsync(this.lane.status.state === 'retrying' ? LIMITS.maxRetryMs : 0);
    const wanted = this.lane.wanted();
    if (wanted === undefined) return;
    const { offset } = wanted;
    const record = { ...PARTITION, offset, timestamp: 0, key: null, value: null, headers: {} };
    const log = { records: [record], nextOffset: offset + 1, end: offset + 1, bytes: 1 };
    this.lane.deliver({ ok: true, ...PARTITION, offset, ...log });
    await jest.advanceTimersByTimeAsync(0);
  }
}

describe('the wait of a partition that failed', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  const lanes: TestLane[] = [];
  const laneOf = (...args: ConstructorParameters<typeof TestLane>): TestLane => {
    const lane = new TestLane(...args);
    lanes.push(lane);
    return lane;
  };
  afterEach(async () => {
    await Promise.all(lanes.splice(0).map(({ lane }) => lane.release(0)));
  });

  it.each([
    ['a handler asks for it', () => retry(200, 'x'), {}],
    ['the partition does not open', () => ack(), { failed: () => retry(200, 'x') }],
  ])('begins with what the outcome asks for, and doubles up to the bound, when %s', async (_, handle, hooks) => {
    const open = 'failed' in hooks ? { open: () => Promise.reject(new Error('x')) } : {};
    const lane = laneOf(handle, { ...hooks, ...open });
    expect(await lane.fail(8)).toEqual([200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
  });

  it('stays between half of that and that, and within the bound, whatever is asked for', () => {
    const ms = fc.integer({ min: 0, max: 100_000 });
    fc.assert(
      fc.property(ms, fc.nat(16), ms, fc.double({ min: 0, max: 1, noNaN: true }), (after, before, max, random) => {
        const waitMs = retryDelay(after, before, max, random);
        const due = Math.min(Math.max(after, 1) * 2 ** before, max);
        expect(waitMs).toBeGreaterThanOrEqual(due / 2);
        expect(waitMs).toBeLessThanOrEqual(due);
      }),
    );
  });

  it('begins anew when something was settled, not when something was taken', async () => {
    let settled = 0;
    let taken = 0;
    // Each second batch fails; the first was taken all the same.
    const lane = laneOf(() => (taken++ % 2 === 0 ? ack() : retry(100, 'x')), { durablePosition: () => settled });
    expect(await lane.fail(3)).toEqual([100, 200, 400]);
    settled = 1;
    expect((await lane.fail(2)).slice(3)).toEqual([100, 200]);
  });

  it('begins anew with every acknowledged batch where the service tells of no settled position', async () => {
    let calls = 0;
    const lane: TestLane = laneOf(() => {
      if (++calls % 3 !== 0) return retry(100, 'x');
      lane.next++;
      return ack();
    });
    expect(await lane.fail(6)).toEqual([100, 200, 100, 200, 100, 200]);
  });

  it('begins anew when an operator resumes what was stopped', async () => {
    let calls = 0;
    const lane = laneOf(() => (++calls === 3 ? stop(new Error('x')) : retry(100, 'x')));
    await lane.fail(2);
    for (let step = 0; step < 3; step++) await lane.step();
    expect(lane.lane.status).toMatchObject({ state: 'stopped', error: 'x' });
    lane.lane.resume();
    expect((await lane.fail(2)).slice(2)).toEqual([100, 200]);
  });

  it('is not sat out by a partition that is revoked', async () => {
    const lane = laneOf(() => retry(10_000, 'x'));
    await lane.fail(1);
    const opened = lane.opened;
    await lane.lane.release(0);
    expect(lane.opened).toBe(opened);
  });

  it.each([
    ['ends because of it', (signal: AbortSignal): unknown => signal.reason, []],
    ['failed meanwhile', (): unknown => new Error('x'), [100]],
  ])('is told of at a release where a handler %s', async (_, causeOf, waits) => {
    const lane = laneOf(
      (_batch, signal) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            resolve(retry(100, causeOf(signal)));
          });
        }),
    );
    await lane.step();
    await lane.step();
    const released = lane.lane.release(0);
    await jest.advanceTimersByTimeAsync(0);
    await released;
    expect(lane.waits).toEqual(waits);
  });

  it('shows the lag from what was settled while the partition is closed', async () => {
    let taken = 0;
    const lane = laneOf(() => (taken++ < 2 ? ack() : retry(100, 'x')), { durablePosition: () => 1 });
    await lane.fail(1);
    expect(lane.lane.status).toMatchObject({ state: 'retrying', lag: 2 });
  });
});
