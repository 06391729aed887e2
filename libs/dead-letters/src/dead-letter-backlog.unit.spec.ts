import { Metrics } from '@orderstream/observability';
import type { Admin } from 'kafkajs';

import { DeadLetterBacklog } from './dead-letter-backlog';

const DAY_MS = 86_400_000;
const NOW_MS = 100 * DAY_MS;
const TOPIC = { name: 'orders.dlq.validator', retentionMs: 30 * DAY_MS };

/** A topic of two partitions: offsets 10 to 30 and 0 to 8, of which those below 16 and 2 are older than 24 days. */
const broker = (committed: readonly string[]) => {
  const asked: number[] = [];
  const admin = {
    connect: () => Promise.resolve(),
    disconnect: () => Promise.resolve(),
    fetchTopicOffsets: () =>
      Promise.resolve([
        { partition: 0, low: '10', high: '31', offset: '30' },
        { partition: 1, low: '0', high: '8', offset: '8' },
      ]),
    fetchTopicOffsetsByTimestamp: (_topic: string, timestamp?: number) => {
      asked.push(timestamp ?? NaN);
      return Promise.resolve([
        { partition: 0, offset: '16' },
        { partition: 1, offset: '2' },
      ]);
    },
    fetchOffsets: () =>
      Promise.resolve([
        {
          topic: TOPIC.name,
          partitions: committed.map((offset, partition) => ({ partition, offset, metadata: null })),
        },
      ]),
  };
  return { admin: admin as unknown as Admin, asked };
};

const measured = async (admin: Admin, warned: string[] = []): Promise<string[]> => {
  const metrics = new Metrics({ app: 'probe', processMetrics: false });
  const logger = { warn: (_fields: unknown, message: string) => void warned.push(message) } as never;
  const backlog = new DeadLetterBacklog({
    topics: [TOPIC],
    createAdmin: () => admin,
    metrics,
    logger,
    nowMs: () => NOW_MS,
  });
  await backlog.refresh();
  await backlog.stop();
  return (await metrics.registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
};

describe('DeadLetterBacklog', () => {
  it.each([
    ['nobody has read any', ['-1', '-1'], 28, 8],
    ['one partition is read to its end', ['30', '-1'], 8, 2],
    ['the old ones are read', ['16', '2'], 20, 0],
    ['the group is behind the beginning of the log', ['3', '8'], 20, 6],
    ['the group is beyond the end of a re-created topic', ['99', '99'], 0, 0],
  ])('counts the unread dead letters, and those that expire soon, when %s', async (_, committed, unread, expiring) => {
    const { admin, asked } = broker(committed);
    expect(await measured(admin)).toEqual([
      `orderstream_dead_letters_unread{topic="${TOPIC.name}",app="probe"} ${unread}`,
      `orderstream_dead_letters_expiring{topic="${TOPIC.name}",app="probe"} ${expiring}`,
    ]);
    expect(asked).toEqual([NOW_MS - 24 * DAY_MS]);
  });

  it('asks again when the leader of a new topic does not answer yet', async () => {
    const { admin } = broker(['-1', '-1']);
    let isNew = true;
    const fetchTopicOffsetsByTimestamp: Admin['fetchTopicOffsetsByTimestamp'] = async (...asked) => {
      if (!isNew) return admin.fetchTopicOffsetsByTimestamp(...asked);
      isNew = false;
      throw Object.assign(new Error('not the leader'), { retriable: true });
    };
    expect(await measured({ ...admin, fetchTopicOffsetsByTimestamp })).toHaveLength(2);
  });

  it('has no series, and says so, while the broker does not answer', async () => {
    const warned: string[] = [];
    const { admin } = broker([]);
    expect(
      await measured({ ...admin, fetchTopicOffsets: () => Promise.reject(new Error('no broker')) }, warned),
    ).toEqual([]);
    expect(warned).toEqual([expect.stringContaining('dead-letter topics failed')]);
  });
});
