import { setImmediate } from 'node:timers/promises';
import { Semaphore } from './semaphore';

describe('Semaphore', () => {
  it('runs as much work at once as it has permits, in the order of the calls, also after a failure', async () => {
    const semaphore = new Semaphore(2);
    const started: number[] = [];
    const ends = Array.from({ length: 5 }, () => Promise.withResolvers<number>());
    const results = ends.map(({ promise }, index) =>
      semaphore.run(() => {
        started.push(index);
        return promise;
      }),
    );
    const settled = Promise.allSettled(results);
    await setImmediate();
    expect(started).toEqual([0, 1]);
    ends[1]?.reject(new Error('broken'));
    await expect(results[1]).rejects.toThrow('broken');
    await setImmediate();
    expect(started).toEqual([0, 1, 2]);
    for (const [index, { resolve }] of ends.entries()) resolve(index);
    expect((await settled).map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
      'fulfilled',
    ]);
    expect(started).toEqual([0, 1, 2, 3, 4]);
  });

  it('does not run work whose signal aborts while it waits, and runs the next in its place', async () => {
    const semaphore = new Semaphore(1);
    const first = Promise.withResolvers<string>();
    const revoked = new AbortController();
    const started: string[] = [];
    const work = (name: string) => () => {
      started.push(name);
      return Promise.resolve(name);
    };
    const running = semaphore.run(() => first.promise);
    const aborted = semaphore.run(work('aborted'), revoked.signal);
    const last = semaphore.run(work('last'));
    revoked.abort(new Error('revoked'));
    await expect(aborted).rejects.toThrow('revoked');
    first.resolve('first');
    await expect(Promise.all([running, last])).resolves.toEqual(['first', 'last']);
    expect(started).toEqual(['last']);
  });

  it('rejects work whose signal has aborted, and keeps its permit free', async () => {
    const semaphore = new Semaphore(1);
    await expect(semaphore.run(() => Promise.resolve(1), AbortSignal.abort(new Error('revoked')))).rejects.toThrow(
      'revoked',
    );
    await expect(semaphore.run(() => Promise.resolve(2))).resolves.toBe(2);
  });

  it('has its permit again after work that nothing waited for', async () => {
    const semaphore = new Semaphore(1);
    await expect(semaphore.run(() => Promise.resolve(1))).resolves.toBe(1);
    await expect(semaphore.run(() => Promise.resolve(2))).resolves.toBe(2);
  });
});
