import { MemoryStore } from '../../test/memory-store';
import { RangeLock } from './range-lock';

const JANUARY = { from: '2026-01-01', to: '2026-02-01' };
const LAST_DAY = { from: '2026-01-31', to: '2026-02-01' };
const FEBRUARY = { from: '2026-02-01', to: '2026-03-01' };
const LEASE_MS = 60_000;

describe('the lock of a range', () => {
  let nowMs: number;
  let lock: RangeLock;
  beforeEach(() => {
    nowMs = Date.parse('2026-03-01T00:00:00Z');
    lock = new RangeLock(new MemoryStore(), LEASE_MS, () => nowMs);
  });

  it('keeps a run out that has a day in common, and names the holder', async () => {
    const held = await lock.acquire('first', JANUARY);
    await expect(lock.acquire('second', LAST_DAY)).rejects.toMatchObject({
      code: 'BATCH_RANGE_LOCKED',
      message: expect.stringContaining('run first, whose lease ends 2026-03-01T00:01:00.000Z') as string,
    });
    await (await lock.acquire('third', FEBRUARY)).release();
    await held.release();
    await (await lock.acquire('second', LAST_DAY)).release();
  });

  it('keeps a second process of the same run out', async () => {
    const held = await lock.acquire('run', JANUARY);
    await expect(lock.acquire('run', JANUARY)).rejects.toMatchObject({ code: 'BATCH_RANGE_LOCKED' });
    await held.release();
  });

  it('is given to one of many that want it at once', async () => {
    const results = await Promise.allSettled(
      Array.from({ length: 8 }, (_, index) => lock.acquire(`run ${index}`, JANUARY)),
    );
    const winners = results.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    expect(winners).toHaveLength(1);
    await winners[0]?.release();
  });

  it('lasts as long as it is renewed', async () => {
    const held = await lock.acquire('first', JANUARY);
    nowMs += LEASE_MS - 1;
    await held.renew();
    nowMs += LEASE_MS - 1;
    await expect(lock.acquire('second', JANUARY)).rejects.toMatchObject({ code: 'BATCH_RANGE_LOCKED' });
    await held.release();
  });

  it('is taken over when its lease has ended, with the duty to fence the former runs', async () => {
    const first = await lock.acquire('first', JANUARY);
    nowMs += LEASE_MS;
    await expect(first.renew()).rejects.toMatchObject({ code: 'BATCH_LEASE_LOST' });
    const second = await lock.acquire('second', LAST_DAY);
    expect(second.fence).toEqual(['first']);
    // It dies before it has fenced the first one.
    nowMs += LEASE_MS;
    const third = await lock.acquire('third', JANUARY);
    expect([...third.fence].sort()).toEqual(['first', 'second']);
    await expect(second.renew()).rejects.toMatchObject({ code: 'BATCH_LEASE_LOST' });
    await first.release();
    await second.release();
    await expect(lock.acquire('fourth', JANUARY)).rejects.toMatchObject({ code: 'BATCH_RANGE_LOCKED' });
    await third.release();
  });
});
