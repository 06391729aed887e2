import fc from 'fast-check';
import { RateLimit } from './rate-limit';

const { signal } = new AbortController();

it('permits in any period at most the rate, and one request', async () => {
  const requests = fc.array(fc.record({ count: fc.integer({ min: 1, max: 50 }), idleMs: fc.nat({ max: 500 }) }), {
    minLength: 1,
    maxLength: 60,
  });
  await fc.assert(
    fc.asyncProperty(requests, fc.integer({ min: 1, max: 1_000 }), async (list, perSecond) => {
      let nowMs = 0;
      const limit = new RateLimit(perSecond, {
        now: () => nowMs,
        wait: (ms) => {
          nowMs += ms;
          return Promise.resolve();
        },
      });
      const granted: { atMs: number; count: number }[] = [];
      for (const { count, idleMs } of list) {
        nowMs += idleMs;
        await limit.take(count, signal);
        granted.push({ atMs: nowMs, count });
      }
      for (const [begin, { atMs }] of granted.entries()) {
        let done = 0;
        for (const grant of granted.slice(begin)) {
          // Before the last request of the period.
          expect(done).toBeLessThanOrEqual(((grant.atMs - atMs) * perSecond) / 1_000 + 1e-6);
          done += grant.count;
        }
      }
    }),
  );
});

it('ends a wait with the reason of the signal', async () => {
  const limit = new RateLimit(0.001);
  await limit.take(1, signal);
  const stopping = new AbortController();
  const waiting = limit.take(1, stopping.signal);
  stopping.abort(new Error('paused'));
  await expect(waiting).rejects.toThrow();
  await expect(limit.take(1, stopping.signal)).rejects.toThrow('paused');
});
