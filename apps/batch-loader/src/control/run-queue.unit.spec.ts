import { waitUntil } from '@orderstream/deadlines';
import { RangeLockedError, RunRejectedError } from '../errors';
import { type RunRecord } from '../runs/run';
import { RunQueue } from './run-queue';

const locked = (): RangeLockedError => new RangeLockedError('raw_orders', 'some days', 'a', 'later');
const ended = (id: string): RunRecord => ({ id, state: 'succeeded' }) as RunRecord;

describe('the queue of runs', () => {
  const started: string[] = [];
  let queue: RunQueue;
  const open = (carryOut: (id: string, signal: AbortSignal) => Promise<RunRecord>, leaseMs = 60_000): RunQueue => {
    started.length = 0;
    return new RunQueue({
      carryOut: (id, signal) => {
        started.push(id);
        return carryOut(id, signal);
      },
      leaseMs,
      logger: { error: () => undefined },
    });
  };
  const untilIdle = (): Promise<unknown> =>
    waitUntil(() => queue.status().state === 'idle', { what: 'the end', deadlineMs: 10_000 });
  afterEach(() => queue.stop());

  it('carries out one run at a time, in the order of the requests, and each once', async () => {
    const first = Promise.withResolvers<RunRecord>();
    queue = open((id) => (id === 'a' ? first.promise : Promise.resolve(ended(id))));
    queue.add(['a', 'b']);
    queue.add(['b', 'c']);
    await Promise.resolve();
    queue.progress('quality_checks', 1, 4);
    expect(queue.status()).toEqual({
      state: 'running',
      running: { id: 'a', block: 'quality_checks', done: 0.25 },
      waiting: ['b', 'c'],
    });
    expect(started).toEqual(['a']);
    first.resolve(ended('a'));
    await untilIdle();
    expect(started).toEqual(['a', 'b', 'c']);
    expect(queue.status()).toEqual({ state: 'idle', waiting: [], last: { id: 'c', state: 'succeeded' } });
  });

  it('waits for the end of a lease that a killed process has on the run', async () => {
    const answers = [locked()];
    queue = open((id) => {
      const error = answers.shift();
      return error === undefined ? Promise.resolve(ended(id)) : Promise.reject(error);
    });
    queue.add(['a']);
    await untilIdle();
    expect([started, queue.status().last]).toEqual([['a', 'a'], { id: 'a', state: 'succeeded' }]);
  });

  it('goes on with the next run after one that cannot start', async () => {
    queue = open((id) => (id === 'a' ? Promise.reject(new RunRejectedError('cancelled')) : Promise.resolve(ended(id))));
    queue.add(['a']);
    await untilIdle();
    expect(queue.status().last).toEqual({ id: 'a', state: 'not started', error: 'cancelled' });
    queue.add(['b']);
    await untilIdle();
    expect(queue.status().last).toEqual({ id: 'b', state: 'succeeded' });
  });

  it('ends with the service: the present run is aborted, the others are left', async () => {
    queue = open(
      (_id, signal) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            reject(signal.reason as Error);
          });
        }),
    );
    queue.add(['a', 'b']);
    await queue.stop();
    expect([started, queue.status()]).toMatchObject([['a'], { state: 'idle', waiting: [] }]);
  });
});
