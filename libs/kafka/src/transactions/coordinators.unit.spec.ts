import '../index';
import { type Broker, type Cluster } from '../client/kafkajs-internals';
import { createErrorOf } from '../read/protocol-errors';
import { isFencing, isRejectedEnd } from './broker-answers';
import { readCommittedOffset } from './committed-offset';
import { Coordinators, initProducer } from './coordinators';

const NOT_COORDINATOR = 16;
const COORDINATOR_NOT_AVAILABLE = 15;
const PLACE = { topic: 't', partition: 0 };

/** A cluster whose coordinator moves: the first broker found rejects with `rejection`, the second one answers. */
function movingCluster(rejection: () => Promise<never>): { cluster: Cluster; lookUps: () => number } {
  let found = 0;
  const old = { connectionPool: { send: rejection }, initProducerId: rejection } as unknown as Broker;
  const current = {
    connectionPool: { send: () => Promise.resolve({ errorCode: 0, offset: 7, metadata: 'm' }) },
    initProducerId: () => Promise.resolve({ producerId: '1', producerEpoch: 2 }),
  } as unknown as Broker;
  const cluster = { findGroupCoordinator: () => Promise.resolve(found++ === 0 ? old : current) } as unknown as Cluster;
  return { cluster, lookUps: () => found };
}

describe('the coordinator of a group or transaction', () => {
  const deadline = (): number => performance.now() + 5_000;

  it.each([NOT_COORDINATOR, COORDINATOR_NOT_AVAILABLE])('is looked up again when it answers error %i', async (code) => {
    const rejection = (): Promise<never> => Promise.reject(createErrorOf(code));
    const group = movingCluster(rejection);
    const read = readCommittedOffset(new Coordinators(group.cluster, 'g.t.0', 'g'), 'g', PLACE, deadline());
    expect(await read).toEqual({ offset: 7, metadata: 'm' });
    expect(group.lookUps()).toBe(2);
    const transaction = movingCluster(rejection);
    const opened = initProducer(new Coordinators(transaction.cluster, 'g.t.0', 'g'), 'g.t.0', 1_000, deadline());
    expect(await opened).toMatchObject({ producerId: '1', producerEpoch: 2 });
    expect(transaction.lookUps()).toBe(2);
  });

  it('is looked up again by the next read after its connection was lost', async () => {
    const { cluster, lookUps } = movingCluster(() => Promise.reject(new Error('Closed connection')));
    const coordinators = new Coordinators(cluster, 'g.t.0', 'g');
    await expect(readCommittedOffset(coordinators, 'g', PLACE, deadline())).rejects.toThrow('Closed connection');
    expect(await readCommittedOffset(coordinators, 'g', PLACE, deadline())).toMatchObject({ offset: 7 });
    expect(lookUps()).toBe(2);
  });
});

describe('an error of the broker', () => {
  it.each([
    ['INVALID_PRODUCER_EPOCH', 47],
    ['PRODUCER_FENCED', 90],
  ])('means that another owner has fenced this one, and that nothing was committed: %s', (type, code) => {
    const error = createErrorOf(code);
    expect(error).toMatchObject({ type, code, retriable: false });
    expect(isFencing(error)).toBe(true);
    expect(isRejectedEnd(error)).toBe(true);
  });
});
