/** How to connect to the cluster, as `kafkaSettings` of libs/config reads it. */
export interface KafkaConnection {
  /** `host:port` of the bootstrap brokers. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly ssl?: boolean;
  /** Default `none`: no authentication. */
  readonly saslMechanism?: 'none' | 'plain' | 'scram-sha-256' | 'scram-sha-512';
  readonly saslUsername?: string | undefined;
  readonly saslPassword?: string | undefined;
  /** Makes consumers static members of their groups (group.instance.id). No other running process may use the same id. */
  readonly groupInstanceId?: string | undefined;
  /** The only cluster to use: connections to any other fail. Undefined: whatever cluster answers at `brokers`. */
  readonly clusterId?: string | undefined;
  /** How long a start may wait for a broker, in milliseconds. Default 30,000. */
  readonly connectTimeoutMs?: number;
}

/** What this library uses of a pino logger. */
export interface KafkaLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
