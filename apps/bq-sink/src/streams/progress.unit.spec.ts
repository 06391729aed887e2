import { LIMITS } from '../../test/simulated-world';
import { NO_FAULTS } from './fault-points';
import { Progress } from './progress';
import type { Transactions } from './sink-dependencies';
import { SinkLifecycle } from './sink-lifecycle';

/** Progress from offset 10, and its commits, each of which waits until the test ends it. */
function begin(): {
  progress: Progress;
  lifecycle: SinkLifecycle;
  commits: { readonly offset: number; readonly done: PromiseWithResolvers<undefined> }[];
} {
  const commits: { offset: number; done: PromiseWithResolvers<undefined> }[] = [];
  const transactions: Transactions = {
    committed: { offset: 10, metadata: '{"v":2}' },
    commit: ({ offset }) => {
      const done = Promise.withResolvers<undefined>();
      commits.push({ offset, done });
      return done.promise;
    },
    assertCurrent: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
  const lifecycle = new SinkLifecycle('orders[0]', () => undefined);
  const progress = new Progress({ faults: NO_FAULTS, limits: LIMITS }, lifecycle);
  progress.begin(transactions, { offset: 10, durableRows: 0, topicId: undefined, byQuery: false, logEnd: 10 });
  return { progress, lifecycle, commits };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('Progress', () => {
  it('begins a commit, and evaluates its contents, only when the one before has ended', async () => {
    const { progress, commits } = begin();
    const contents = (offset: number) => () => {
      evaluated.push(offset);
      return { position: progress.positionAt(offset, undefined), records: [] };
    };
    const evaluated: number[] = [];
    const both = [progress.commit(contents(11)), progress.commit(contents(12))];
    await settle();
    expect([evaluated, commits.map(({ offset }) => offset), progress.committed]).toEqual([[11], [11], 10]);
    commits[0]?.done.resolve(undefined);
    await settle();
    expect([evaluated, commits.map(({ offset }) => offset), progress.committed]).toEqual([[11, 12], [11, 12], 11]);
    commits[1]?.done.resolve(undefined);
    await Promise.all(both);
    expect(progress.committed).toBe(12);
  });

  it('commits nothing more after the sink has failed', async () => {
    const { progress, lifecycle, commits } = begin();
    const failure = new Error('outcome unknown');
    const contents = () => ({ position: progress.positionAt(11, undefined), records: [] });
    const first = progress.commit(contents);
    const second = progress.commit(contents);
    await settle();
    lifecycle.fail(failure);
    commits[0]?.done.reject(failure);
    await expect(first).rejects.toBe(failure);
    await expect(second).rejects.toBe(failure);
    expect([commits.length, progress.committed]).toEqual([1, 10]);
  });

  it('never moves its position back', () => {
    const { progress } = begin();
    progress.advanceTo(15);
    progress.advanceTo(12);
    expect(progress.position).toBe(15);
  });
});
