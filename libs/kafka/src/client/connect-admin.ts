import '../patches/index';
import { KafkaJSNumberOfRetriesExceeded, KafkaJSSASLAuthenticationError, type Admin, type Kafka } from 'kafkajs';
import { isRetriable } from '@orderstream/errors';
import { ClusterMismatchError, KafkaUnreachableError } from '../errors';
import { Backoff } from '../backoff';
import { connectionOf } from './create-kafka';

const DEFAULT_TIMEOUT_MS = 30_000;

/**
 * Connects an admin client when a service starts, which can be before its broker starts. Retries until
 * `connectTimeoutMs` has passed. Does not retry when the broker rejects the credentials.
 *
 * @throws KafkaUnreachableError, retriable when no broker answered; ClusterMismatchError when the brokers are not of KAFKA_CLUSTER_ID
 */
export async function connectAdmin(kafka: Kafka): Promise<Admin> {
  const timeoutMs = connectionOf(kafka).connectTimeoutMs ?? DEFAULT_TIMEOUT_MS;
  const deadline = performance.now() + timeoutMs;
  const backoff = new Backoff(100, 1_000);
  for (;;) {
    try {
      return await connectOnce(kafka);
    } catch (error) {
      if (!isRetriable(error) || performance.now() >= deadline) throw error;
    }
    await backoff.wait();
  }
}

/** Kafka as a dependency of a start: reached when a broker accepts a connection, and is of KAFKA_CLUSTER_ID. */
export function kafkaDependency(kafka: Kafka): { readonly what: string; readonly reach: () => Promise<void> } {
  return {
    what: `Kafka at ${connectionOf(kafka).brokers.join(', ')} (KAFKA_BROKERS)`,
    reach: async () => {
      await (await connectOnce(kafka)).disconnect();
    },
  };
}

async function connectOnce(kafka: Kafka): Promise<Admin> {
  const connection = connectionOf(kafka);
  const admin = kafka.admin();
  try {
    await admin.connect();
    // The first request for metadata, which compares the cluster (KAFKA_CLUSTER_ID).
    if (connection.clusterId !== undefined) await admin.describeCluster();
    return admin;
  } catch (error) {
    await admin.disconnect().catch(() => undefined);
    const cause = error instanceof KafkaJSNumberOfRetriesExceeded ? error.cause : error;
    if (cause instanceof ClusterMismatchError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    const brokers = connection.brokers.join(', ');
    if (cause instanceof KafkaJSSASLAuthenticationError) {
      throw new KafkaUnreachableError(
        `Kafka at ${brokers} rejects the credentials (${why}). Set KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD to what the brokers expect.`,
        { cause },
      );
    }
    throw new KafkaUnreachableError(
      `No Kafka broker answers at ${brokers} (${why}). Start the broker, or correct KAFKA_BROKERS, KAFKA_SSL and KAFKA_SASL_MECHANISM.`,
      { cause, retriable: true },
    );
  }
}
