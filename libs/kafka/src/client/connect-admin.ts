import '../patches/index';
import { KafkaJSNumberOfRetriesExceeded, KafkaJSSASLAuthenticationError, type Admin, type Kafka } from 'kafkajs';
import { ClusterMismatchError, KafkaUnreachableError } from '../errors';
import { Backoff } from '../backoff';
import { connectionOf } from './create-kafka';

const DEFAULT_TIMEOUT_MS = 30_000;

/**
 * Connects an admin client when a service starts, which can be before its broker starts. Retries until
 * `connectTimeoutMs` has passed. Does not retry when the broker rejects the credentials.
 *
 * @throws KafkaUnreachableError; ClusterMismatchError when the brokers are not of KAFKA_CLUSTER_ID
 */
export async function connectAdmin(kafka: Kafka): Promise<Admin> {
  const connection = connectionOf(kafka);
  const timeoutMs = connection.connectTimeoutMs ?? DEFAULT_TIMEOUT_MS;
  const deadline = performance.now() + timeoutMs;
  const backoff = new Backoff(100, 1_000);
  for (;;) {
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
      if (performance.now() >= deadline) {
        throw new KafkaUnreachableError(
          `No Kafka broker answered at ${brokers} within ${(timeoutMs / 1_000).toString()} s (${why}). Start the broker, or correct KAFKA_BROKERS, KAFKA_SSL and KAFKA_SASL_MECHANISM; KAFKA_CONNECT_TIMEOUT_MS sets how long a start waits.`,
          { cause },
        );
      }
    }
    await backoff.wait();
  }
}
