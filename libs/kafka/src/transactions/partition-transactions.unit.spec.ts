import '../index';
import { type Kafka } from 'kafkajs';
import { createErrorOf } from '../read/protocol-errors';
import { PartitionTransactions } from './partition-transactions';

const COORDINATOR_NOT_AVAILABLE = 15;
const REQUEST_TIMED_OUT = 7;
const MESSAGE_TOO_LARGE = 10;
const IDENTITY = { producerId: '1', producerEpoch: 2 };

interface Answers {
  readonly init?: () => Promise<unknown>;
  readonly produce?: () => Promise<unknown>;
  readonly commitOffset?: () => Promise<unknown>;
}

/** A client of one broker, on which group t/0 has committed offset 7. */
function fakeKafka({ init, produce, commitOffset }: Answers): { kafka: Kafka; ends: boolean[] } {
  const ends: boolean[] = [];
  const done = (): Promise<unknown> => Promise.resolve({});
  const broker = {
    versions: {},
    connectionPool: { send: () => Promise.resolve({ errorCode: 0, offset: 7, metadata: 'm' }) },
    initProducerId: init ?? (() => Promise.resolve(IDENTITY)),
    addPartitionsToTxn: done,
    addOffsetsToTxn: done,
    txnOffsetCommit: commitOffset ?? done,
    produce: produce ?? done,
    endTxn: ({ transactionResult }: { transactionResult: boolean }) => {
      ends.push(transactionResult);
      return Promise.resolve();
    },
  };
  const createCluster = (): unknown => ({
    brokerPool: { createBroker: () => broker, findConnectedBroker: () => Promise.resolve(broker) },
    connect: done,
    disconnect: done,
    refreshMetadata: done,
    addMultipleTargetTopics: done,
    findTopicPartitionMetadata: () => [{ partitionId: 0, leader: 1 }],
    findBroker: () => Promise.resolve(broker),
    findGroupCoordinator: () => Promise.resolve(broker),
  });
  return { kafka: { [Symbol('private:Kafka:createCluster')]: createCluster } as unknown as Kafka, ends };
}

const open = (kafka: Kafka): Promise<PartitionTransactions> =>
  PartitionTransactions.open(kafka, { groupId: 'g', topic: 't', partition: 0, transactionTimeoutMs: 500 });

describe('an opening that reaches its deadline', () => {
  it('rejects with the last answer of the broker, and not with the timeout of an attempt without one', async () => {
    let attempts = 0;
    const hangs = fakeKafka({
      init: () => (attempts++ === 0 ? Promise.reject(createErrorOf(REQUEST_TIMED_OUT)) : new Promise(() => undefined)),
    });
    await expect(open(hangs.kafka)).rejects.toMatchObject({ type: 'REQUEST_TIMED_OUT' });
    expect(attempts).toBe(2);
    const retries = fakeKafka({ init: () => Promise.reject(createErrorOf(COORDINATOR_NOT_AVAILABLE)) });
    await expect(open(retries.kafka)).rejects.toMatchObject({ code: COORDINATOR_NOT_AVAILABLE });
  });

  it('rejects with the timeout when the broker has answered nothing', async () => {
    const { kafka } = fakeKafka({ init: () => new Promise(() => undefined) });
    await expect(open(kafka)).rejects.toThrow('Opening g.t.0 took more than');
  });
});

describe('a transaction that fails', () => {
  const unanswered = (name: string): Error => Object.assign(new Error('Closed connection'), { name });
  const rejecting = (error: Error) => (): Promise<never> => Promise.reject(error);
  const record = { topic: 'out', partition: 0, key: null, value: Buffer.from('v'), headers: {} };

  it.each<readonly [string, Answers, readonly boolean[]]>([
    ['aborted when the broker has rejected it', { produce: rejecting(createErrorOf(MESSAGE_TOO_LARGE)) }, [false]],
    ['not aborted after a connection error', { produce: rejecting(unanswered('KafkaJSConnectionError')) }, []],
    ['not aborted after a request timeout', { produce: rejecting(unanswered('KafkaJSRequestTimeoutError')) }, []],
    [
      'not aborted when one of two requests has no answer',
      {
        produce: rejecting(createErrorOf(MESSAGE_TOO_LARGE)),
        commitOffset: rejecting(unanswered('KafkaJSConnectionError')),
      },
      [],
    ],
  ])('is %s, which may still be carried out', async (_, answers, ends) => {
    const fake = fakeKafka(answers);
    const transactions = await open(fake.kafka);
    await expect(transactions.commit({ records: [record], offset: 8 })).rejects.toMatchObject({
      code: 'TRANSACTION_FAILED',
      outcome: 'aborted',
    });
    await new Promise(setImmediate);
    expect(fake.ends).toEqual(ends);
  });
});
