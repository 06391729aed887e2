import { type DestinationStream, type Logger, pino, stdSerializers } from 'pino';

export type { Logger } from 'pino';

/** Names of properties that never reach the log, at the top and one and two levels below it. */
const SECRET_NAMES = [
  'password',
  'saslPassword',
  'secret',
  'token',
  'accessToken',
  'access_token',
  'adminTokens',
  'authorization',
  'Authorization',
  'cookie',
  'sha256',
  'private_key',
  'KAFKA_SASL_PASSWORD',
  'ADMIN_TOKENS',
];

export interface LoggerOptions {
  /** Name of the service; `service` of every line. */
  readonly service: string;
  /** Least severe level that is written. */
  readonly level: string;
  /** Standard output by default, written synchronously so that the last line before an exit is there. */
  readonly destination?: DestinationStream;
}

/**
 * JSON lines: `time` (RFC 3339 UTC), `level` (word), `service`, `msg`, what the call adds, and `trace_id` on lines about
 * one record (`logger.child({ trace_id })`). Errors go under `err` with their code and causes.
 */
export function createLogger({
  service,
  level,
  destination = pino.destination({ sync: true }),
}: LoggerOptions): Logger {
  return pino(
    {
      level,
      base: { service },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: stdSerializers.errWithCause, error: stdSerializers.errWithCause },
      redact: { paths: SECRET_NAMES.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: '[redacted]' },
    },
    destination,
  );
}
