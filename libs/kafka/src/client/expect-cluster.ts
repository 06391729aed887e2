import { type Kafka } from 'kafkajs';
import { ClusterMismatchError } from '../errors';
import { type Cluster, loadFromKafkajs, type ProtocolRequest, replaceCreateCluster } from './kafkajs-internals';

interface Encoder {
  writeArray(items: readonly unknown[]): Encoder;
}

interface ClusterResponse {
  readonly clientSideThrottleTime: number;
  readonly clusterId: string | null;
}

const METADATA_API_KEY = 3;
/** The first version with the id of the cluster. */
const VERSION = 2;

/**
 * Makes every connection of the client compare the id of the cluster with `expected`, before each time that it reads
 * metadata: when it connects, every minute, and after a connection was lost. Another broker can listen at the address of
 * one that was stopped, and records, offsets and transactions must not go to it.
 *
 * The metadata are then not read: whatever needs them fails with ClusterMismatchError.
 */
export function expectCluster(kafka: Kafka, expected: string, brokers: readonly string[]): void {
  replaceCreateCluster(kafka, (create) => (options) => {
    const cluster = create(options);
    const { brokerPool } = cluster;
    const refresh = brokerPool.refreshMetadata.bind(brokerPool);
    brokerPool.refreshMetadata = async (topics) => {
      const found = await clusterIdOf(cluster);
      if (found !== expected) {
        throw new ClusterMismatchError(
          `The brokers at ${brokers.join(', ')} belong to the cluster ${String(found)}, not to ${expected} ` +
            '(KAFKA_CLUSTER_ID): nothing is read from them or written to them. Check KAFKA_BROKERS, and whether another ' +
            'broker was started on the port of yours; if the cluster was replaced on purpose, change KAFKA_CLUSTER_ID.',
        );
      }
      await refresh(topics);
    };
    return cluster;
  });
}

async function clusterIdOf(cluster: Cluster): Promise<string | null> {
  const broker = await cluster.brokerPool.findConnectedBroker();
  return ((await broker.connectionPool.send(metadataV2())) as ClusterResponse).clusterId;
}

/** Metadata, version 2, of no topic (Kafka protocol guide). */
function metadataV2(): ProtocolRequest {
  const KafkajsEncoder = loadFromKafkajs('kafkajs/src/protocol/encoder.js') as new () => Encoder;
  return {
    request: {
      apiKey: METADATA_API_KEY,
      apiVersion: VERSION,
      encode: () => Promise.resolve(new KafkajsEncoder().writeArray([])),
    },
    response: {
      decode: (payload) => Promise.resolve({ clientSideThrottleTime: 0, clusterId: decodeClusterId(payload) }),
      parse: (response) => Promise.resolve(response),
    },
  };
}

function decodeClusterId(payload: Buffer): string | null {
  let at = 4;
  const text = (): string | null => {
    const length = payload.readInt16BE((at += 2) - 2);
    return length < 0 ? null : payload.toString('utf8', at, (at += length));
  };
  for (let brokers = payload.readInt32BE(0); brokers > 0; brokers--) {
    at += 4; // broker id
    text();
    at += 4; // port
    text();
  }
  return text();
}
