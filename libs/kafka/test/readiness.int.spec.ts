import { ack, PartitionTransactions, type PartitionHooks, RecordProducer, retry, type TopicPartition } from '../src';
import { output, TestTopics, testKafka, unique } from './broker';
import { BrokerLink } from './broker-link';
import { type Running, Servers } from './serve';
import { delay } from '../src/delay';
import { waitUntil } from '@orderstream/deadlines';

const PARTITIONS = 4;
/** Readiness follows a broker that is gone within this. */
const DOWN_MS = 2_000;
/** The longest wait between two attempts to reach a broker, and the one of kafkajs. */
const RETRY_MS = 1_200;
/** Readiness follows a broker that is back within this. */
const UP_MS = 2_000 + RETRY_MS;

describe('readiness', () => {
  let topics: TestTopics;
  let link: BrokerLink;
  const servers = new Servers();

  beforeAll(async () => {
    topics = new TestTopics(testKafka());
    link = await BrokerLink.open();
  });
  afterEach(async () => {
    link.restore();
    await servers.closeAll();
  });
  afterAll(async () => {
    await link.close();
    await topics.remove();
  });

  /** A service that copies its input in transactions. Returns what it has committed, by partition. */
  async function startCopying(
    input: string,
    out: string,
  ): Promise<{ service: Running; committed: Map<number, number> }> {
    const kafka = testKafka();
    const groupId = unique('group');
    const open = new Map<number, PartitionTransactions>();
    const committed = new Map<number, number>();
    const hooks: PartitionHooks = {
      open: async (ref: TopicPartition) => {
        const opened = await PartitionTransactions.open(kafka, { groupId, ...ref, transactionTimeoutMs: 20_000 });
        open.set(ref.partition, opened);
        return opened.committed.offset ?? 0;
      },
      drain: () => Promise.resolve(),
      close: async ({ partition }) => open.get(partition)?.close(),
    };
    const service = await servers.start(
      input,
      groupId,
      async ({ partition, records, nextOffset }) => {
        try {
          await open
            .get(partition)
            ?.commit({ records: records.map((one) => ({ ...one, topic: out })), offset: nextOffset });
        } catch (error) {
          return retry(250, error);
        }
        committed.set(partition, nextOffset);
        await delay(10);
        return ack();
      },
      { kafka, hooks, maxBatchRecords: 10, sessionTimeoutMs: 6_000 },
    );
    return { service, committed };
  }

  const isReady = ({ server }: Running) => server.health().ready.ok;
  /** Milliseconds until the readiness is as wanted. */
  async function msUntil(service: Running, ready: boolean): Promise<number> {
    const since = performance.now();
    await waitUntil(() => isReady(service) === ready, {
      what: `ready to be ${String(ready)}`,
      deadlineMs: 30_000,
      intervalMs: 20,
    });
    return performance.now() - since;
  }

  it.each([
    // Shorter and longer than the session of the group member.
    ['is idle', 'is gone for 4 s', 'cut', 4_000],
    ['commits', 'is gone for 4 s', 'cut', 4_000],
    ['commits', 'is gone for 12 s', 'cut', 12_000],
    ['commits', 'does not answer for 4 s', 'silence', 4_000],
  ] as const)(
    'of a service that %s follows a broker that %s, and names what does not move',
    async (load, _, fault, ms) => {
      const input = await topics.create('in', PARTITIONS);
      const out = await topics.create('out', PARTITIONS);
      if (load === 'commits') {
        const producer = new RecordProducer(testKafka(), { maxRequestBytes: 1_048_576 });
        const one = (i: number) => output(input, i % PARTITIONS, i.toString());
        await producer.send(Array.from({ length: 20_000 }, (_, i) => one(i)));
        await producer.disconnect();
      }
      const { service, committed } = await startCopying(input, out);
      await msUntil(service, true);
      if (load === 'commits') {
        await waitUntil(() => committed.size === PARTITIONS, { what: 'commits of each partition', deadlineMs: 20_000 });
      }
      link[fault]();
      const downMs = await msUntil(service, false);
      const before = new Map(committed);
      await delay(ms - downMs);
      expect(isReady(service)).toBe(false);
      const { partitions, state } = service.server.describe();
      if (state === 'joined') {
        expect(partitions).toHaveLength(PARTITIONS);
        for (const one of partitions)
          expect(one).toMatchObject({ state: 'retrying', error: expect.stringMatching(/./) as string });
      }
      expect(service.server.health().live.ok).toBe(true);
      link.restore();
      const upMs = await msUntil(service, true);
      expect(downMs).toBeLessThan(DOWN_MS);
      expect(upMs).toBeLessThan(UP_MS);
      if (load === 'commits') {
        await waitUntil(() => [...committed].every(([partition, offset]) => offset > (before.get(partition) ?? 0)), {
          what: 'each partition to go on',
          deadlineMs: 20_000,
        });
      }
    },
  );
});
