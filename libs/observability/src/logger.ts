import { type DestinationStream, type Logger, pino, stdSerializers } from 'pino';

export type { Logger } from 'pino';

/** Properties that are redacted, at the top level and up to two levels below it. */
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
  /** Name of the service, the field `service` of every line. */
  readonly service: string;
  /** Lowest level that is written. */
  readonly level: string;
  /** Default: standard output, written synchronously so that no line is missing after an exit. */
  readonly destination?: DestinationStream;
}

/**
 * Writes JSON lines with `time` (RFC 3339 UTC), `level` (a word), `service`, `msg` and the fields of the call. Errors belong
 * into the field `err`, which has their code and causes.
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
