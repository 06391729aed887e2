import { Semaphore } from './semaphore';

describe('turns', () => {
  it('lets so many run at once, in the order in which they came, also when one fails', async () => {
    const turns = new Semaphore(2);
    const begun: number[] = [];
    const ends = Array.from({ length: 5 }, () => Promise.withResolvers<number>());
    const results = ends.map(({ promise }, index) =>
      turns.run(() => {
        begun.push(index);
        return promise;
      }),
    );
    const settled = Promise.allSettled(results);
    await Promise.resolve();
    expect(begun).toEqual([0, 1]);
    ends[1]?.reject(new Error('broken'));
    await expect(results[1]).rejects.toThrow('broken');
    expect(begun).toEqual([0, 1, 2]);
    for (const [index, { resolve }] of ends.entries()) resolve(index);
    expect((await settled).map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
      'fulfilled',
    ]);
    expect(begun).toEqual([0, 1, 2, 3, 4]);
  });

  it('passes over who has gone before the turn came', async () => {
    const turns = new Semaphore(1);
    const first = Promise.withResolvers<string>();
    const gone = new AbortController();
    const begun: string[] = [];
    const work = (name: string) => () => {
      begun.push(name);
      return Promise.resolve(name);
    };
    const running = turns.run(() => first.promise);
    const left = turns.run(work('left'), gone.signal);
    const last = turns.run(work('last'));
    gone.abort(new Error('revoked'));
    await expect(left).rejects.toThrow('revoked');
    first.resolve('first');
    await expect(Promise.all([running, last])).resolves.toEqual(['first', 'last']);
    expect(begun).toEqual(['last']);
  });
});
