import '../patches/index';
import { KafkaJSNumberOfRetriesExceeded, KafkaJSSASLAuthenticationError, type Admin, type Kafka } from 'kafkajs';
import { KafkaUnreachableError } from '../errors';
import { Backoff } from '../read/backoff';
import { connectionOf } from './create-kafka';

const DEFAULT_TIMEOUT_MS = 30_000;

/**
 * An admin client that is connected; for a start, which may come before the broker's. It is tried again until
 * `connectTimeoutMs` has passed, but not when the broker answers that it rejects the log-in.
 *
 * @throws KafkaUnreachableError
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
      return admin;
    } catch (error) {
      await admin.disconnect().catch(() => undefined);
      const cause = error instanceof KafkaJSNumberOfRetriesExceeded ? error.cause : error;
      const why = cause instanceof Error ? cause.message : String(cause);
      const brokers = connection.brokers.join(', ');
      if (cause instanceof KafkaJSSASLAuthenticationError) {
        throw new KafkaUnreachableError(
          `Kafka at ${brokers} rejects the log-in (${why}). Set KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD as the brokers expect them.`,
          { cause },
        );
      }
      if (performance.now() >= deadline) {
        throw new KafkaUnreachableError(
          `No Kafka broker answered at ${brokers} within ${(timeoutMs / 1_000).toString()} s (${why}). Start the broker, or set KAFKA_BROKERS, KAFKA_SSL and KAFKA_SASL_MECHANISM to how it is reached; KAFKA_CONNECT_TIMEOUT_MS sets how long a start waits.`,
          { cause },
        );
      }
    }
    await backoff.wait();
  }
}
