import '../index';
import { type Broker, type Cluster, type ProtocolRequest } from '../client/kafkajs-internals';
import { createErrorOf } from '../read/protocol-errors';
import { Coordinators } from './coordinators';
import { DESCRIBE_TRANSACTIONS_API_KEY } from './describe-transactions-v0';
import { LastTransaction } from './last-transaction';
import { openProducer } from './open-producer';

const UNSTABLE_OFFSET_COMMIT = 88;
const TRANSACTIONAL_ID_NOT_FOUND = 105;
const PARTITION = { groupId: 'g', topic: 't', partition: 3, transactionTimeoutMs: 1_000 };

interface Situation {
  /** Of the last transaction, at its coordinator. */
  readonly state: string;
  /** The coordinator of the transaction aborts one that began since it was described. */
  readonly bumps?: number;
  /** The offset that the lost transaction commits. Undefined: there is no such transaction. */
  readonly pending?: number;
  readonly isOfAnother?: boolean;
  readonly knowsApi?: boolean;
  /** The connection breaks at the first request to end it. */
  readonly breaks?: boolean;
}

/** A broker with group and transactions. Offset 5 is committed, and a transaction may be pending. */
function fakeBroker({ state, bumps = 1, pending, isOfAnother = false, knowsApi = true, breaks = false }: Situation) {
  const calls: string[] = [];
  const coordinator = { state, epoch: 7 };
  const group = { offset: 5, pending };
  const broker = {
    versions: knowsApi ? { [DESCRIBE_TRANSACTIONS_API_KEY]: { maxVersion: 0 } } : {},
    connectionPool: {
      send: ({ request }: ProtocolRequest) => {
        if (request.apiKey !== DESCRIBE_TRANSACTIONS_API_KEY) {
          const { offset } = group;
          return Promise.resolve({
            errorCode: group.pending === undefined ? 0 : UNSTABLE_OFFSET_COMMIT,
            offset,
            metadata: null,
          });
        }
        const errorCode = coordinator.state === 'none' ? TRANSACTIONAL_ID_NOT_FOUND : 0;
        return Promise.resolve({
          errorCode,
          state: coordinator.state,
          producerId: '1',
          producerEpoch: coordinator.epoch,
        });
      },
    },
    initProducerId: () => {
      coordinator.epoch += bumps;
      coordinator.state = 'Empty';
      return Promise.resolve({ producerId: '1', producerEpoch: coordinator.epoch });
    },
    addOffsetsToTxn: ({ groupId }: { groupId: string }) => {
      calls.push(`add ${groupId}`);
      return breaks && calls.length === 1 ? Promise.reject(new Error('Closed connection')) : Promise.resolve();
    },
    endTxn: ({ transactionResult, producerEpoch }: { transactionResult: boolean; producerEpoch: number }) => {
      calls.push(`${transactionResult ? 'commit' : 'abort'} in epoch ${producerEpoch.toString()}`);
      if (isOfAnother || group.pending === undefined) return Promise.resolve();
      if (transactionResult) group.offset = group.pending;
      group.pending = undefined;
      return Promise.resolve();
    },
  };
  const cluster = { findGroupCoordinator: () => Promise.resolve(broker as unknown as Broker) } as unknown as Cluster;
  const last = new LastTransaction();
  const open = (deadlineMs = 300) => {
    const deadline = performance.now() + deadlineMs;
    return openProducer(new Coordinators(cluster, 'g.t.3', 'g'), PARTITION, last, deadline, 10);
  };
  return { open, calls, coordinator };
}

describe('a partition that opens', () => {
  it.each(['none', 'Empty', 'CompleteCommit'])(
    'reads the committed offset, and ends no transaction: %s',
    async (state) => {
      const { open, calls } = fakeBroker({ state });
      expect(await open()).toMatchObject({ identity: { producerEpoch: 8 }, offset: { offset: 5 } });
      expect(calls).toEqual([]);
    },
  );

  it.each([
    ['CompleteCommit', 'commit', 9],
    ['PrepareCommit', 'commit', 9],
    ['CompleteAbort', 'abort', 5],
    ['PrepareAbort', 'abort', 5],
  ])('ends its last transaction as its coordinator did when its end was lost: %s', async (state, end, offset) => {
    const { open, calls } = fakeBroker({ state, pending: 9 });
    expect(await open()).toMatchObject({ offset: { offset } });
    expect(calls).toEqual(['add g', `${end} in epoch 8`]);
  });

  it('still knows the outcome in the next attempt when this one failed after the epoch was raised', async () => {
    const { open, calls } = fakeBroker({ state: 'CompleteCommit', pending: 9, breaks: true });
    await expect(open()).rejects.toThrow('Closed connection');
    expect(await open()).toMatchObject({ offset: { offset: 9 } });
    expect(calls).toEqual(['add g', 'add g', 'commit in epoch 9']);
  });

  it.each<readonly [string, Situation]>([
    ['it is not decided', { state: 'Ongoing', pending: 9 }],
    ['an earlier owner has raised the epoch', { state: 'Empty', pending: 9 }],
    ['another transaction was aborted since', { state: 'CompleteCommit', bumps: 2, pending: 9 }],
    ['the broker cannot be asked', { state: 'CompleteCommit', knowsApi: false, pending: 9 }],
  ])(
    'ends nothing when the outcome is not known, and says what holds the offset back and what leads on: %s',
    async (_, situation) => {
      const { open, calls } = fakeBroker(situation);
      await expect(open()).rejects.toMatchObject({
        code: 'OFFSET_UNSTABLE',
        retriable: true,
        message: expect.stringMatching(
          /t\/3 .*UNSTABLE_OFFSET_COMMIT.*__consumer_offsets.*g\.t\.3.*find-hanging.*abort.*#a-transaction-that-stays-open/,
        ) as string,
        cause: createErrorOf(UNSTABLE_OFFSET_COMMIT),
      });
      expect(calls).toEqual([]);
    },
  );

  it('says so as well when the transaction is one of another producer', async () => {
    const { open, calls } = fakeBroker({ state: 'CompleteCommit', pending: 9, isOfAnother: true });
    await expect(open()).rejects.toMatchObject({ code: 'OFFSET_UNSTABLE' });
    expect(calls).toEqual(['add g', 'commit in epoch 8']);
  });
});
