/** What a connection to the cluster needs, as `kafkaSettings` of libs/config reads it. */
export interface KafkaConnection {
  /** `host:port` of the bootstrap brokers. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly ssl?: boolean;
  /** `none`, or absent: no log-in. */
  readonly saslMechanism?: 'none' | 'plain' | 'scram-sha-256' | 'scram-sha-512';
  readonly saslUsername?: string | undefined;
  readonly saslPassword?: string | undefined;
  /** Makes consumers static members of their groups, under this name: no other process may have it at the same time. */
  readonly groupInstanceId?: string | undefined;
  /** How long a start may wait for a broker, in milliseconds. Default 30,000. */
  readonly connectTimeoutMs?: number;
}

/** The part of a pino logger that is used here. */
export interface KafkaLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
