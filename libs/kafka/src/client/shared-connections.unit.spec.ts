import { type Kafka } from 'kafkajs';
import { type Broker, type ProtocolRequest } from './kafkajs-internals';
import { CONNECTIONS_PER_BROKER, createSharingCluster } from './shared-connections';

const REQUEST = {} as ProtocolRequest;

/** A client whose brokers count what reaches their connection. */
function fakeKafka(sent: string[]): Kafka {
  let brokers = 0;
  const createBroker = (): unknown => {
    const name = `connection ${(brokers++).toString()}`;
    const send = (): Promise<unknown> => Promise.resolve(sent.push(`${name} sent`));
    return {
      connectionPool: { host: 'broker', port: 9092, send },
      initProducerId(this: Broker) {
        return this.connectionPool.send(REQUEST);
      },
      isConnected: () => true,
      connect: () => Promise.resolve(),
      disconnect: () => Promise.resolve(sent.push(`${name} closed`)),
    };
  };
  const createCluster = () => {
    const users: Broker[] = [];
    const brokerPool = {
      createBroker,
      use: (): Broker => {
        const broker = brokerPool.createBroker() as Broker;
        users.push(broker);
        return broker;
      },
    };
    return { brokerPool, disconnect: () => Promise.all(users.map((user) => user.disconnect())) };
  };
  return { [Symbol('private:Kafka:createCluster')]: createCluster } as unknown as Kafka;
}

describe('a cluster that shares its connections', () => {
  it('sends nothing after it was disconnected, as work that was given up would, and leaves the others alone', async () => {
    const sent: string[] = [];
    const kafka = fakeKafka(sent);
    // The last one shares the connection of the first.
    const clusters = Array.from({ length: CONNECTIONS_PER_BROKER + 1 }, (_, i) =>
      createSharingCluster(kafka, `g.t.${i.toString()}`),
    );
    const brokers = clusters.map(({ brokerPool }) => (brokerPool as unknown as { use(): Broker }).use());
    for (const broker of brokers) await broker.connect();
    const [abandoned, last] = [brokers[0], brokers.at(-1)];
    const init = { transactionalId: 'g.t.0', transactionTimeout: 1 };
    await abandoned?.initProducerId(init);
    await clusters[0]?.disconnect();
    await expect(abandoned?.initProducerId(init)).rejects.toThrow('g.t.0 are closed');
    await expect(abandoned?.connect()).rejects.toThrow('g.t.0 are closed');
    expect(abandoned?.isConnected()).toBe(false);
    await last?.initProducerId(init);
    expect(sent).toEqual(['connection 0 sent', 'connection 0 sent']);
    await clusters.at(-1)?.disconnect();
    expect(sent.at(-1)).toBe('connection 0 closed');
  });
});
