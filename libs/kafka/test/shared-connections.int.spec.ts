import { fetchEndOffsets, PartitionTransactions } from '../src';
// After the library, which patches kafkajs.
import { type Kafka } from 'kafkajs';
import { delay } from '../src/delay';
import { CONNECTIONS_PER_BROKER } from '../src/client/shared-connections';
import { output, readAll, TestTopics, testKafka, unique } from './broker';
import { BrokerLink } from './broker-link';
import { waitUntil } from '@orderstream/deadlines';

const WAIT_MS = 20_000;
const PARTITIONS = 12;

describe('the connections of the transactional producers of a client', () => {
  let topics: TestTopics;
  let input: string;
  let out: string;
  let link: BrokerLink;
  let kafka: Kafka;
  let groupId: string;
  const opened: PartitionTransactions[] = [];

  const open = async (partition: number): Promise<PartitionTransactions> => {
    const options = { groupId, topic: input, partition, transactionTimeoutMs: 20_000 };
    const transactions = await PartitionTransactions.open(kafka, options);
    opened.push(transactions);
    return transactions;
  };
  const openAll = (): Promise<PartitionTransactions[]> =>
    Promise.all(Array.from({ length: PARTITIONS }, (_, partition) => open(partition)));
  const commit = (transactions: PartitionTransactions, partition: number, value: string, offset: number) =>
    transactions.commit({ records: [output(out, partition, value)], offset });
  const noConnections = (): Promise<unknown> =>
    waitUntil(() => link.connections === 0, { what: 'the connections to be closed', deadlineMs: WAIT_MS });

  beforeAll(async () => {
    topics = new TestTopics(testKafka());
    input = await topics.create('in', PARTITIONS);
  });
  beforeEach(async () => {
    out = await topics.create('out', PARTITIONS);
    await waitUntil(() => fetchEndOffsets(testKafka(), out).then(() => true), {
      what: 'the leaders of the new topic',
      deadlineMs: WAIT_MS,
    });
    link = await BrokerLink.open();
    kafka = testKafka();
    groupId = unique('group');
  });
  afterEach(async () => {
    link.restore();
    await Promise.all(opened.splice(0).map((each) => each.close()));
    await link.close();
  });
  afterAll(() => topics.remove());

  it('are as many as fixed for each broker, however many partitions commit, and close with the last partition', async () => {
    const all = await openAll();
    for (const round of [1, 2, 3]) {
      await Promise.all(all.map((each, p) => commit(each, p, `r${round.toString()}`, round)));
    }
    expect(link.opened).toBe(CONNECTIONS_PER_BROKER);
    const [first, ...others] = all;
    await Promise.all(others.map((each) => each.close()));
    await first?.close();
    await first?.close();
    await noConnections();
    for (let p = 0; p < PARTITIONS; p++)
      expect((await readAll(testKafka(), out, p)).values).toEqual(['r1', 'r2', 'r3']);
  });

  it('serve the other partitions when one of them is closed, opens again, or is fenced', async () => {
    const all = await openAll();
    await all[0]?.close();
    const successor = await open(0);
    // Another process fences partition 1.
    const options = { groupId, topic: input, partition: 1, transactionTimeoutMs: 20_000 };
    const foreign = await PartitionTransactions.open(testKafka(), options);
    const fenced = await all[1]?.commit({ records: [output(out, 1, 'zombie')], offset: 9 }).catch((e: unknown) => e);
    expect(fenced).toMatchObject({ outcome: 'aborted', fenced: true });
    await commit(foreign, 1, 'foreign', 1);
    await foreign.close();
    const others = [successor, ...all.slice(2)];
    await Promise.all(others.map((each, i) => commit(each, i === 0 ? 0 : i + 1, 'other', 1)));
    const values = await Promise.all(all.map(async (_, p) => (await readAll(testKafka(), out, p)).values));
    expect(values).toEqual(all.map((_, p) => [p === 1 ? 'foreign' : 'other']));
  });

  it('open again when they were lost while no transaction was open, and fail no transaction', async () => {
    const all = await openAll();
    await Promise.all(all.map((each, p) => commit(each, p, 'before', 1)));
    link.cut();
    await noConnections();
    // One of them opens again meanwhile, and does not reach the broker.
    const reopened = open(0);
    await delay(500);
    link.restore();
    const again = [await reopened, ...all.slice(1)];
    await Promise.all(again.map((each, p) => commit(each, p, 'after', 2)));
    expect(link.connections).toBeLessThanOrEqual(CONNECTIONS_PER_BROKER);
    const ends = (): Promise<readonly number[]> => fetchEndOffsets(testKafka(), out);
    // Two records and two markers each; the broker writes the markers behind its answer.
    await waitUntil(async () => (await ends()).every((end) => end === 4), {
      what: 'both transactions of each partition to be visible',
      deadlineMs: WAIT_MS,
    });
  });

  it('fence no partition when they are lost in the middle of transactions: each opens again, with what it committed', async () => {
    const all = await openAll();
    await Promise.all(all.map((each, p) => commit(each, p, 'first', 1)));
    const commits = all.map((each, p) =>
      commit(each, p, 'second', 2).then(
        () => undefined,
        (error: unknown) => error,
      ),
    );
    setTimeout(() => {
      link.resetAll();
    }, 3);
    const failures = (await Promise.all(commits)).filter((error) => error !== undefined);
    for (const failure of failures) expect(failure).toMatchObject({ code: 'TRANSACTION_FAILED', fenced: false });
    const again = await openAll();
    await Promise.all(
      again.map(async (each, p) => {
        if (each.committed.offset === 1) await commit(each, p, 'second', 2);
        else expect(each.committed.offset).toBe(2);
      }),
    );
    for (let p = 0; p < PARTITIONS; p++)
      expect((await readAll(testKafka(), out, p)).values).toEqual(['first', 'second']);
  });

  it('are not held up by a partition that waits for an answer that does not come', async () => {
    // As many partitions as there are connections, so that each has its own.
    const some = await Promise.all(Array.from({ length: CONNECTIONS_PER_BROKER }, (_, partition) => open(partition)));
    await Promise.all(some.map((each, p) => commit(each, p, 'before', 1)));
    link.silenceOne();
    const commits = some.map((each, p) =>
      commit(each, p, 'after', 2).then(
        () => 'committed',
        () => 'failed',
      ),
    );
    const soon = await Promise.all(
      commits.map((each) => Promise.race([each, new Promise((resolve) => setTimeout(resolve, 3_000, 'waits'))])),
    );
    expect(soon.toSorted()).toEqual([...Array<string>(CONNECTIONS_PER_BROKER - 1).fill('committed'), 'waits']);
    // It opens again at once, on another connection.
    const waiting = soon.indexOf('waits');
    const startedAt = performance.now();
    const again = await open(waiting);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    await commit(again, waiting, 'again', 2);
    await commits[waiting];
  });
});
