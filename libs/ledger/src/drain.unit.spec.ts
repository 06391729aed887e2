import { NoProgressError } from './no-progress-error';
import { type DrainClock, waitUntilDrained } from './drain';

const never = new AbortController().signal;
const LIMIT_MS = 60_000;

/** A clock that advances only in `wait`. */
function steppedClock(): DrainClock {
  let nowMs = 0;
  return {
    now: () => nowMs,
    wait: (ms) => {
      nowMs += ms;
      return new Promise((resolve) => setImmediate(resolve));
    },
  };
}

describe('waitUntilDrained', () => {
  it('waits as long as the mark changes within 60 s, although every second read fails', async () => {
    const clock = steppedClock();
    let reads = 0;
    await waitUntilDrained(
      'a slow service',
      () => {
        if (++reads % 2 === 0) return Promise.reject(new Error('the service is restarting'));
        const steps = Math.floor(clock.now() / (LIMIT_MS - 1_000));
        return Promise.resolve({ done: steps >= 3, mark: String(steps) });
      },
      never,
      clock,
    );
    expect(clock.now()).toBeGreaterThan(2 * LIMIT_MS);
  });

  it.each([
    ['the mark does not change', () => Promise.resolve({ done: false, mark: 'same' })],
    ['every read fails', () => Promise.reject(new Error('gone'))],
  ])('throws after 60 s in which %s, and says what was awaited', async (_when, readState) => {
    const clock = steppedClock();
    const stuck = waitUntilDrained('the sink', readState, never, clock);
    await expect(stuck).rejects.toThrow(NoProgressError);
    await expect(stuck).rejects.toThrow('waiting for the sink');
    expect(clock.now()).toBeGreaterThan(LIMIT_MS);
    expect(clock.now()).toBeLessThan(LIMIT_MS + 1_000);
  });

  it('rejects when the signal aborts', async () => {
    const abort = new AbortController();
    const readState = () => {
      abort.abort(new Error('stopped by the caller'));
      return Promise.resolve({ done: false, mark: 'same' });
    };
    await expect(waitUntilDrained('the sink', readState, abort.signal, steppedClock())).rejects.toThrow(
      'stopped by the caller',
    );
  });
});
