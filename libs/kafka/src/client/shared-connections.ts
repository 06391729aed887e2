import { type Kafka } from 'kafkajs';
import { withTimeout } from '../with-timeout';
import { type Broker, type Cluster, createCluster } from './kafkajs-internals';

/**
 * A broker handles the requests of one connection one after the other: a produce that waits for its replicas holds back
 * those behind it. With several connections that is a part of the partitions. Chosen, not measured.
 */
export const CONNECTIONS_PER_BROKER = 4;
/** As long as kafkajs waits for a connect that has begun: two connection timeouts and the authentication. */
const CONNECT_TIMEOUT_MS = 16_000;

/** The connection to one broker. */
interface SharedConnection {
  readonly broker: Broker;
  /** The broker objects that use it, of one cluster each. */
  readonly users: Set<Broker>;
  connecting: Promise<void> | undefined;
}

/** At most one connection to each broker, by host and port. */
type ConnectionSet = Map<string, SharedConnection>;

/** The connections that the partitions of a client share: a few to each broker, however many partitions there are. */
class SharedConnections {
  private readonly sets = Array.from({ length: CONNECTIONS_PER_BROKER }, (): ConnectionSet => new Map());
  /** Index of the set that a partition used last, by its transactional id. */
  private readonly used = new Map<string, number>();

  /** Partitions are spread over the sets. One that opens again uses the next set. */
  nextFor(transactionalId: string): ConnectionSet {
    const next = ((this.used.get(transactionalId) ?? this.used.size - 1) + 1) % this.sets.length;
    this.used.set(transactionalId, next);
    const set = this.sets[next];
    if (set === undefined) throw new RangeError(`There is no set of connections ${next.toString()}`);
    return set;
  }
}

const byClient = new WeakMap<Kafka, SharedConnections>();

/**
 * A cluster for the transactions of one partition: with metadata of its own, as `createCluster` returns it, and with
 * connections that it shares with the other partitions of this client. Because the metadata are its own, a topic that was
 * deleted fails only the partitions that use it.
 *
 * Failure semantics: `disconnect` ends the use of the connections; each closes with its last user. Nothing is sent after it: work
 * that its caller gave up, such as an opening after its deadline, would fence the next owner otherwise. When a connection
 * breaks, or a request on it times out, all requests in flight on it fail, each with an outcome of its own, and the next
 * request opens it again. A partition that opens again uses other connections, so it does not wait behind a request that
 * is not answered. Brokers fence producers by their epochs: a request of an earlier owner that is still on a connection is
 * rejected, whichever connection it is.
 */
export function createSharingCluster(kafka: Kafka, transactionalId: string): Cluster {
  let shared = byClient.get(kafka);
  if (shared === undefined) byClient.set(kafka, (shared = new SharedConnections()));
  const set = shared.nextFor(transactionalId);
  const cluster = createCluster(kafka, 'committed');
  const { brokerPool } = cluster;
  const create = brokerPool.createBroker;
  const disconnect = cluster.disconnect.bind(cluster);
  let isDisconnected = false;
  const assertUsable = (): void => {
    if (isDisconnected) throw new Error(`The connections of ${transactionalId} are closed`);
  };
  cluster.disconnect = () => {
    isDisconnected = true;
    return disconnect();
  };
  brokerPool.createBroker = (options) => userOf(set, create(options), assertUsable);
  return cluster;
}

/**
 * A broker object of one cluster that sends on the connection of the set. What it does not replace is inherited from the
 * broker object of the connection, such as the versions that the broker supports.
 *
 * @param assertUsable throws when the cluster was disconnected
 * @param created a broker object that is not connected; the connection becomes its own if the set has none to its address
 */
function userOf(set: ConnectionSet, created: Broker, assertUsable: () => void): Broker {
  const { host, port } = created.connectionPool;
  const address = `${host}:${port.toString()}`;
  let shared = set.get(address);
  if (shared === undefined) set.set(address, (shared = { broker: created, users: new Set(), connecting: undefined }));
  const connection = shared;
  const { broker, users } = connection;
  const remove = (): void => {
    if (set.get(address) === connection) set.delete(address);
  };
  const user = Object.create(broker) as Broker;
  const send: Broker['connectionPool']['send'] = async (request) => {
    assertUsable();
    return broker.connectionPool.send(request);
  };
  return Object.assign(user, {
    connectionPool: Object.assign(Object.create(broker.connectionPool) as Broker['connectionPool'], { send }),
    isConnected: () => users.has(user) && broker.isConnected(),
    connect: async () => {
      assertUsable();
      users.add(user);
      connection.connecting ??= withTimeout(CONNECT_TIMEOUT_MS, `Connecting to ${address}`, () =>
        broker.connect(),
      ).finally(() => {
        connection.connecting = undefined;
      });
      try {
        await connection.connecting;
      } catch (error) {
        // It never ended, or the broker rejected it in a state that only a new connection is not in.
        if (!isConnectionError(error)) remove();
        throw error;
      }
    },
    disconnect: async () => {
      users.delete(user);
      if (users.size > 0) return;
      remove();
      await broker.disconnect();
    },
  });
}

const isConnectionError = (error: unknown): boolean =>
  error instanceof Error && error.name === 'KafkaJSConnectionError';
