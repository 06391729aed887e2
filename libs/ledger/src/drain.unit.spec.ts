import { NoProgressError } from './no-progress-error';
import { type DrainClock, untilDrained } from './drain';

const never = new AbortController().signal;
const LIMIT_MS = 60_000;

/** A clock that goes on only while somebody waits for it. */
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

describe('untilDrained', () => {
  it('waits for as long as anything moves, also over looks that fail', async () => {
    const clock = steppedClock();
    let looks = 0;
    await untilDrained(
      'a slow one',
      () => {
        if (++looks % 2 === 0) return Promise.reject(new Error('being started again'));
        const moves = Math.floor(clock.now() / (LIMIT_MS - 1_000));
        return Promise.resolve({ done: moves >= 3, mark: String(moves) });
      },
      never,
      clock,
    );
    expect(clock.now()).toBeGreaterThan(2 * LIMIT_MS);
  });

  it('gives up when nothing moves, and says what was awaited', async () => {
    for (const look of [
      () => Promise.resolve({ done: false, mark: 'same' }),
      () => Promise.reject(new Error('gone')),
    ]) {
      const clock = steppedClock();
      const stuck = untilDrained('the sink', look, never, clock);
      await expect(stuck).rejects.toThrow(NoProgressError);
      await expect(stuck).rejects.toThrow('waiting for the sink');
      expect(clock.now()).toBeGreaterThan(LIMIT_MS);
      expect(clock.now()).toBeLessThan(LIMIT_MS + 1_000);
    }
  });
});
