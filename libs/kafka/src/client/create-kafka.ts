import '../patches/index';
import { Kafka, type LogEntry, logLevel, type SASLOptions } from 'kafkajs';
import { type KafkaConnection, type KafkaLogger } from './kafka-settings';

/**
 * The only way to a client: patched kafkajs, with this system's time limits. A request may take 10 s, a connection 3 s;
 * what is retried says so where it is.
 *
 * @param logger Gets the warnings and errors of kafkajs (its errors as warnings: most are retried). Without one it is silent.
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
  connections.set(kafka, settings);
  return kafka;
}

const connections = new WeakMap<Kafka, KafkaConnection>();

/** What the client was created with. */
export function connectionOf(kafka: Kafka): KafkaConnection {
  const connection = connections.get(kafka);
  if (connection === undefined) throw new TypeError('a client that createKafka did not make');
  return connection;
}

function saslOptions(settings: KafkaConnection): { sasl?: SASLOptions } {
  const { saslMechanism: mechanism = 'none', saslUsername: username, saslPassword: password } = settings;
  if (mechanism === 'none') return {};
  if (username === undefined || password === undefined) throw new TypeError('SASL needs a user name and a password');
  return { sasl: { mechanism, username, password } };
}

/** What the logger adds itself, and stacks: they lie within kafkajs. */
const REPEATED_FIELDS: ReadonlySet<string> = new Set(['message', 'timestamp', 'logger', 'stack']);

/**
 * A broker's answer that is an error is debug: whoever asked gets it as an error and knows whether it is expected, as
 * CONCURRENT_TRANSACTIONS is after every commit.
 */
function forward(logger: KafkaLogger, { namespace, level, log }: LogEntry): void {
  const isAnswer = namespace === 'Connection' && log.message.startsWith('Response ');
  const write = level <= logLevel.WARN && !isAnswer ? 'warn' : 'debug';
  const fields = Object.entries(log).filter(([name]) => !REPEATED_FIELDS.has(name));
  logger[write]({ ...Object.fromEntries(fields), kafkajs: namespace }, log.message);
}
