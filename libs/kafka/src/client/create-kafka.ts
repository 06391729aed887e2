import '../patches/index';
import { Kafka, type LogEntry, logLevel, type SASLOptions } from 'kafkajs';
import { expectCluster } from './expect-cluster';
import { type KafkaConnection, type KafkaLogger } from './kafka-settings';

/**
 * Creates every Kafka client of this system: patched kafkajs with common timeouts. A request may take 10 s, a connection
 * 3 s.
 *
 * @param logger Gets the warnings of kafkajs, and its errors as warnings, because kafkajs retries most of them. Without a
 * logger kafkajs is silent.
 */
export function createKafka(settings: KafkaConnection, logger?: KafkaLogger): Kafka {
  const kafka = new Kafka({
    clientId: settings.clientId,
    brokers: [...settings.brokers],
    ssl: settings.ssl ?? false,
    ...saslOptions(settings),
    connectionTimeout: 3_000,
    authenticationTimeout: 10_000,
    requestTimeout: 10_000,
    enforceRequestTimeout: true,
    retry: { initialRetryTime: 50, multiplier: 2, maxRetryTime: 1_000, factor: 0.2, retries: 8 },
    logLevel: logger === undefined ? logLevel.NOTHING : logLevel.WARN,
    logCreator: () => (entry) => {
      if (logger !== undefined) forward(logger, entry);
    },
  });
  const { clusterId, brokers } = settings;
  if (clusterId !== undefined) expectCluster(kafka, clusterId, brokers);
  connections.set(kafka, settings);
  return kafka;
}

const connections = new WeakMap<Kafka, KafkaConnection>();

/** The settings that the client was created with. */
export function connectionOf(kafka: Kafka): KafkaConnection {
  const connection = connections.get(kafka);
  if (connection === undefined) throw new TypeError('The Kafka client was not created by createKafka');
  return connection;
}

function saslOptions(settings: KafkaConnection): { sasl?: SASLOptions } {
  const { saslMechanism: mechanism = 'none', saslUsername: username, saslPassword: password } = settings;
  if (mechanism === 'none') return {};
  if (username === undefined || password === undefined) {
    throw new TypeError(`KAFKA_SASL_MECHANISM=${mechanism} needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD`);
  }
  return { sasl: { mechanism, username, password } };
}

/** Fields that the logger adds itself, and stacks, which only show the inside of kafkajs. */
const OMITTED_FIELDS: ReadonlySet<string> = new Set(['message', 'timestamp', 'logger', 'stack']);

/**
 * Logs a broker's error response at debug level: the caller gets it as an error, and decides whether it is expected, as
 * CONCURRENT_TRANSACTIONS is after every commit.
 */
function forward(logger: KafkaLogger, { namespace, level, log }: LogEntry): void {
  const isResponse = namespace === 'Connection' && log.message.startsWith('Response ');
  const write = level <= logLevel.WARN && !isResponse ? 'warn' : 'debug';
  const fields = Object.entries(log).filter(([name]) => !OMITTED_FIELDS.has(name));
  logger[write]({ ...Object.fromEntries(fields), kafkajs: namespace }, log.message);
}
