import fc from 'fast-check';
import {
  ack,
  type BatchOutcome,
  type PartitionHooks,
  type RecordBatch,
  retry,
  stop,
  TopicChangedError,
  TransactionFailedError,
} from '../index';
import { type Fetched } from '../read/log-client';
import { type PartitionTaskDependencies, PartitionTask } from './partition-task';
import { retryDelay } from './retry-delay';

const PARTITION = { topic: 't', partition: 0 };
const LIMITS = {
  maxBatchRecords: 10,
  maxQueuedRecords: 100,
  maxQueuedBytes: 1_000_000,
  maxRetryMs: 10_000,
  drainTimeoutMs: 1_000,
};

/** One record, fetched from its offset. */
function fetchedAt(offset: number): Fetched {
  const record = { ...PARTITION, offset, timestamp: 0, key: null, value: null, headers: {} };
  const ends = { lastStableOffset: offset + 1, highWatermark: offset + 1 };
  return { ok: true, ...PARTITION, offset, records: [record], nextOffset: offset + 1, memoryBytes: 200, ...ends };
}

/** A task under fake timers. `step` delivers one record whenever the task is open. */
class TestTask {
  /** The waits before it opened again, in milliseconds. */
  readonly waits: number[] = [];
  opened = 0;
  programmingErrors = 0;
  next = 0;
  readonly task: PartitionTask;

  constructor(
    handle: (batch: RecordBatch, signal: AbortSignal) => BatchOutcome | Promise<BatchOutcome>,
    hooks: Partial<PartitionHooks> = {},
    random = 1,
    verify = (): Promise<void> => Promise.resolve(),
  ) {
    const dependencies: PartitionTaskDependencies = {
      hooks: {
        open: () => {
          this.opened++;
          return Promise.resolve(this.next);
        },
        drain: () => Promise.resolve(),
        close: () => Promise.resolve(),
        ...hooks,
      },
      verify,
      resumeAt: () => Promise.resolve(0),
      handle: async (batch, _, signal) => handle(batch, signal),
      wake: () => undefined,
      isPaused: () => false,
      leadsOn: ({ topic, partition }, { message }) =>
        message.includes('cannot be decoded') ? `leads on: ${topic}/${partition.toString()}` : undefined,
      onProgrammingError: () => this.programmingErrors++,
      logger: {
        debug: () => undefined,
        info: () => undefined,
        error: () => undefined,
        warn: (fields) => {
          if ('waitMs' in fields) this.waits.push(Number(fields.waitMs));
        },
      },
      random: () => random,
    };
    this.task = new PartitionTask(PARTITION, dependencies, LIMITS, Promise.resolve());
  }

  /** Steps until the task has failed so many times more. */
  async fail(times: number): Promise<readonly number[]> {
    for (const until = this.waits.length + times; this.waits.length < until;) await this.step();
    return this.waits;
  }

  /** Runs what is due, and delivers the next record. */
  async step(): Promise<void> {
    await jest.advanceTimersByTimeAsync(this.task.status.state === 'retrying' ? LIMITS.maxRetryMs : 0);
    const wanted = this.task.wanted();
    if (wanted === undefined) return;
    const { offset } = wanted;
    this.task.deliver(fetchedAt(offset));
    await jest.advanceTimersByTimeAsync(0);
  }
}

describe('the wait before a failed partition opens again', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  const tasks: TestTask[] = [];
  const taskOf = (...args: ConstructorParameters<typeof TestTask>): TestTask => {
    const task = new TestTask(...args);
    tasks.push(task);
    return task;
  };
  afterEach(async () => {
    await Promise.all(tasks.splice(0).map(({ task }) => task.release(0)));
  });

  it.each([
    ['a handler returns it', () => retry(200, 'x'), {}],
    ['the partition does not open', () => ack(), { failed: () => retry(200, 'x') }],
  ])('begins with the wait of the outcome, and doubles up to the bound, when %s', async (_, handle, hooks) => {
    const open = 'failed' in hooks ? { open: () => Promise.reject(new Error('x')) } : {};
    const task = taskOf(handle, { ...hooks, ...open });
    expect(await task.fail(8)).toEqual([200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
  });

  it('is between half of the doubled wait and the doubled wait, and within the bound, whatever the outcome says', () => {
    const ms = fc.oneof(fc.integer({ min: 0, max: 100_000 }), fc.constantFrom(0, 1));
    fc.assert(
      fc.property(ms, fc.nat(16), ms, fc.double({ min: 0, max: 1, noNaN: true }), (after, before, max, random) => {
        const waitMs = retryDelay(after, before, max, random);
        const due = Math.min(Math.max(after, 1) * 2 ** before, max);
        expect(waitMs).toBeGreaterThanOrEqual(due / 2);
        expect(waitMs).toBeLessThanOrEqual(due);
      }),
    );
  });

  it('starts over when a record was settled, and not when one was only taken', async () => {
    let settled = 0;
    let taken = 0;
    // Every second batch fails; the one before it was taken.
    const task = taskOf(() => (taken++ % 2 === 0 ? ack() : retry(100, 'x')), { firstUnsettledOffset: () => settled });
    expect(await task.fail(3)).toEqual([100, 200, 400]);
    settled = 1;
    expect((await task.fail(2)).slice(3)).toEqual([100, 200]);
  });

  it('starts over after every acknowledged batch of a service without its own first unsettled offset', async () => {
    let calls = 0;
    const task: TestTask = taskOf(() => {
      if (++calls % 3 !== 0) return retry(100, 'x');
      task.next++;
      return ack();
    });
    expect(await task.fail(6)).toEqual([100, 200, 100, 200, 100, 200]);
  });

  it('starts over when an operator resumes a stopped partition', async () => {
    let calls = 0;
    const task = taskOf(() => (++calls === 3 ? stop(new Error('x')) : retry(100, 'x')));
    await task.fail(2);
    for (let step = 0; step < 3; step++) await task.step();
    expect(task.task.status).toMatchObject({ state: 'stopped', error: 'x' });
    task.task.resume();
    expect((await task.fail(2)).slice(2)).toEqual([100, 200]);
  });

  it('ends when the partition is revoked, which then does not open', async () => {
    const task = taskOf(() => retry(10_000, 'x'));
    await task.fail(1);
    const opened = task.opened;
    await task.task.release(0);
    expect(task.opened).toBe(opened);
  });

  it.each([
    ['ends with the abort reason', (signal: AbortSignal): unknown => signal.reason, []],
    ['fails with an error of its own', (): unknown => new Error('x'), [100]],
  ])('is logged at a release only for a real failure: a handler that %s', async (_, causeOf, waits) => {
    const task = taskOf(
      (_batch, signal) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            resolve(retry(100, causeOf(signal)));
          });
        }),
    );
    await task.step();
    await task.step();
    const released = task.task.release(0);
    await jest.advanceTimersByTimeAsync(0);
    await released;
    expect(task.waits).toEqual(waits);
  });

  it('ends when the broker answers again, and starts over', async () => {
    const task = taskOf(() => retry(100, new Error('the broker is gone')));
    await task.fail(7);
    const { opened } = task;
    await jest.advanceTimersByTimeAsync(50);
    expect(task.opened).toBe(opened);
    task.task.retryNow();
    await jest.advanceTimersByTimeAsync(0);
    expect(task.opened).toBe(opened + 1);
    expect((await task.fail(2)).slice(7)).toEqual([100, 200]);
  });

  it('does not change the lag, although the service knows no first unsettled offset while the partition is closed', async () => {
    let taken = 0;
    let isOpen = true;
    const task = taskOf(() => (taken++ < 2 ? ack() : retry(100, 'x')), {
      firstUnsettledOffset: () => (isOpen ? 1 : undefined),
      close: () => {
        isOpen = false;
        return Promise.resolve();
      },
    });
    await task.fail(1);
    expect(task.task.status).toMatchObject({ state: 'retrying', lag: 2 });
  });
});

describe('a programming error', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  const defect = new TypeError('x is undefined');
  const failsToOpen = { open: () => Promise.reject(defect) };
  const throws = (): never => {
    throw defect;
  };

  it.each<[string, ConstructorParameters<typeof TestTask>]>([
    ['a handler throws it', [throws]],
    ['a handler returns a retry because of it', [() => retry(100, defect)]],
    ['a handler stops because of it', [() => stop(defect)]],
    ['a hook throws it', [() => ack(), failsToOpen]],
    [
      'a service wants to retry what its hook threw',
      [() => ack(), { ...failsToOpen, failed: () => retry(100, defect) }],
    ],
  ])('stops the partition, and is counted, when %s', async (_, [handle, hooks]) => {
    const task = new TestTask(handle, hooks);
    for (let step = 0; step < 5; step++) await task.step();
    expect(task.task.status).toMatchObject({ state: 'stopped', error: 'x is undefined' });
    expect(task.waits).toEqual([]);
    expect(task.programmingErrors).toBe(1);
    await task.task.release(0);
  });

  it('stops the partition when a service finds it outside its handler', async () => {
    const task = new TestTask(() => ack());
    await task.step();
    task.task.interrupt(retry(100, new RangeError('out of range')));
    for (let step = 0; step < 3; step++) await task.step();
    expect(task.task.status).toMatchObject({ state: 'stopped', error: 'out of range' });
    expect(task.programmingErrors).toBe(1);
    await task.task.release(0);
  });

  it.each([
    [
      'a failed connection, which fetch() throws as a TypeError',
      new TypeError('fetch failed', { cause: new Error('x') }),
    ],
    ['an error of our own', new TransactionFailedError('x', 'aborted', false, { cause: defect })],
  ])('is not %s', async (_, error) => {
    const task = new TestTask(() => retry(100, error));
    expect(await task.fail(2)).toEqual([100, 200]);
    expect(task.programmingErrors).toBe(0);
    await task.task.release(0);
  });
});

describe('a partition whose log cannot be read any further', () => {
  it('hands over and drains what was fetched before, stops, and says what leads on', async () => {
    const calls: string[] = [];
    const taken = Promise.withResolvers<BatchOutcome>();
    const task = new TestTask(
      ({ nextOffset }) => {
        calls.push(`take up to ${nextOffset.toString()}`);
        return nextOffset === 1 ? taken.promise : ack();
      },
      {
        drain: () => {
          calls.push('drain');
          return Promise.resolve();
        },
        close: () => {
          calls.push('close');
          return Promise.resolve();
        },
      },
    );
    const turn = (): Promise<unknown> => new Promise(setImmediate);
    const deliver = (offset: number): void => {
      const record = { ...PARTITION, offset, timestamp: 0, key: null, value: null, headers: {} };
      const ends = { lastStableOffset: 9, highWatermark: 9 };
      task.task.deliver({
        ok: true,
        ...PARTITION,
        offset,
        records: [record],
        nextOffset: offset + 1,
        memoryBytes: 1,
        ...ends,
      });
    };
    await turn();
    deliver(0);
    await turn();
    deliver(1);
    task.task.endAt(2, new Error('the batch at 2 cannot be decoded'));
    // Of a fetch from before the last opening.
    task.task.endAt(7, new Error('of another fetch'));
    expect(task.task.wanted()).toBeUndefined();
    taken.resolve(ack());
    await turn();
    await turn();
    expect(calls).toEqual(['take up to 1', 'take up to 2', 'drain', 'close']);
    expect(task.task.status).toMatchObject({
      state: 'stopped',
      error: 'the batch at 2 cannot be decoded leads on: t/0',
    });
    await task.task.release(0);
  });
});

describe('a partition that failed', () => {
  it('is retrying, with the reason, until it runs again, also while it opens', async () => {
    let open: ((offset: number) => void) | undefined;
    let calls = 0;
    const task = new TestTask(() => (++calls === 1 ? retry(0, new Error('no answer')) : ack()), {
      open: () => new Promise((resolve) => (open = resolve)),
    });
    await new Promise(setImmediate);
    expect(task.task.status.state).toBe('opening');
    const first = open;
    first?.(0);
    await new Promise(setImmediate);
    task.task.deliver(fetchedAt(0));
    while (open === first) await new Promise(setImmediate);
    expect(task.task.status).toMatchObject({ state: 'retrying', error: 'no answer' });
    open?.(0);
    await new Promise(setImmediate);
    expect(task.task.status).toMatchObject({ state: 'running' });
    expect(task.task.status.error).toBeUndefined();
    await task.task.release(0);
  });
});

describe('a partition that may not be opened', () => {
  it('stops with the reason, and its hooks are not called', async () => {
    const calls: string[] = [];
    const note = (name: string) => () => {
      calls.push(name);
      return Promise.resolve(undefined);
    };
    const task = new TestTask(
      () => ack(),
      { open: note('open'), close: note('close'), drain: note('drain'), failed: () => retry(1, 'x') },
      1,
      () => Promise.reject(new TopicChangedError('t', 'A', 'B')),
    );
    await new Promise(setImmediate);
    expect(task.task.status).toMatchObject({ state: 'stopped' });
    expect(task.task.status.error).toContain('its topic id was A and is B');
    await task.task.release(0);
    expect(calls).toEqual([]);
  });
});
