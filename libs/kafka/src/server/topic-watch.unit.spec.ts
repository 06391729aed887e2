import { PARTITIONS, rawTopic } from '@orderstream/contracts';
import { TopicChangedError, TopicMismatchError } from '../index';
import { type TopicDescription } from '../topics/describe-topics';
import { TopicWatch } from './topic-watch';

describe('TopicWatch', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  const orders = rawTopic('orders');
  const catalog = rawTopic('catalog');
  let found: Record<string, TopicDescription>;
  let problems: [string, Error][];
  let requests: number;
  let watch: TopicWatch;
  const refreshLater = async (): Promise<void> => {
    jest.advanceTimersByTime(60_000);
    await watch.refresh();
  };

  beforeEach(() => {
    found = { [orders]: { id: 'A', partitions: PARTITIONS }, [catalog]: { id: 'C', partitions: PARTITIONS } };
    problems = [];
    requests = 0;
    watch = new TopicWatch({
      topics: [orders, catalog],
      describe: () => {
        requests++;
        return Promise.resolve(new Map(Object.entries(found)));
      },
      onProblem: (topic, problem) => problems.push([topic, problem]),
    });
  });

  it('asks once for all partitions that open together', async () => {
    await Promise.all([watch.refresh(), watch.refresh(), watch.refresh()]);
    await watch.refresh();
    expect(requests).toBe(1);
    await refreshLater();
    expect(requests).toBe(2);
    expect(problems).toEqual([]);
  });

  it('reports a topic that was re-created, once, and only that one', async () => {
    await watch.refresh();
    found[orders] = { id: 'B', partitions: PARTITIONS };
    await refreshLater();
    await refreshLater();
    expect(problems).toEqual([[orders, expect.any(TopicChangedError)]]);
    expect(watch.problemOf(orders)).toMatchObject({ previousId: 'A', id: 'B' });
    expect(watch.problemOf(catalog)).toBeUndefined();
    // An operator has set the position, and resumes.
    watch.accept();
    await watch.refresh();
    expect(watch.problemOf(orders)).toBeUndefined();
    expect(problems).toHaveLength(1);
  });

  it('reports a partition count that is not that of the contract, again after each resume, with what to do', async () => {
    found[orders] = { id: 'A', partitions: PARTITIONS + 2 };
    await watch.refresh();
    expect(watch.problemOf(orders)).toBeInstanceOf(TopicMismatchError);
    expect(watch.problemOf(orders)?.message).toContain(`${orders} has 8 partitions, not 6.`);
    expect(watch.problemOf(orders)?.message).toContain('then POST /admin/resume');
    expect(watch.problemOf(catalog)).toBeUndefined();
    watch.accept();
    await watch.refresh();
    expect(watch.problemOf(orders)).toBeInstanceOf(TopicMismatchError);
    expect(problems.map(([topic]) => topic)).toEqual([orders, orders]);
  });

  it('takes no topic id for no difference, and a topic that is missing for no news', async () => {
    await watch.refresh();
    found = { [catalog]: { id: undefined, partitions: PARTITIONS } };
    await refreshLater();
    found[orders] = { id: 'A', partitions: PARTITIONS };
    await refreshLater();
    expect(problems).toEqual([]);
    // Deleted before and created later: still another topic.
    found[orders] = { id: 'B', partitions: PARTITIONS };
    await refreshLater();
    expect(problems).toHaveLength(1);
  });
});
