import { createHash, randomBytes } from 'node:crypto';

function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: start this with npm run bench, which starts a broker and emulators`);
  return value;
}

/** The environment of every process under measurement. */
export function benchEnvironment(): Record<'KAFKA_BROKERS' | 'BENCH_TOKEN', string> & Record<string, string> {
  const token = randomBytes(24).toString('hex');
  const sha256 = createHash('sha256').update(token).digest('hex');
  return {
    KAFKA_BROKERS: required('TEST_KAFKA_BROKERS'),
    KAFKA_REPLICATION: '1',
    PUBSUB_EMULATOR_HOST: required('TEST_PUBSUB_EMULATOR_HOST'),
    PUBSUB_PROJECT: required('TEST_BIGQUERY_PROJECT'),
    BIGQUERY_PROJECT: required('TEST_BIGQUERY_PROJECT'),
    BIGQUERY_API_ENDPOINT: required('TEST_BIGQUERY_API_ENDPOINT'),
    BIGQUERY_GRPC_ENDPOINT: required('TEST_BIGQUERY_GRPC_ENDPOINT'),
    METADATA_SERVER_DETECTION: 'none',
    LOG_LEVEL: 'warn',
    HTTP_PORT: '0',
    ADMIN_TOKENS: JSON.stringify([{ name: 'bench', role: 'operator', sha256 }]),
    BENCH_TOKEN: token,
  };
}
