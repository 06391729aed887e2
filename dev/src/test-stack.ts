import { startIsolated } from './isolated-stack';

/** A broker and emulators for tests and measurements, on free ports. */
export interface TestStack {
  /** TEST_KAFKA_BROKERS and the other addresses, for the tests. */
  readonly env: Readonly<Record<string, string>>;
  /** Stops all processes and deletes their data. */
  stop(): Promise<void>;
}

/** Starts a broker and emulators. If the start fails, whatever was started is stopped. */
export async function startTestStack(env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<TestStack> {
  return startIsolated(env, signal, async ({ infrastructure, endpoints, supervisor, progress }) => {
    progress.line('Starting a broker and emulators on free ports:');
    await supervisor.start(infrastructure, signal);
    return {
      env: {
        TEST_KAFKA_BROKERS: endpoints.kafka,
        TEST_BIGQUERY_API_ENDPOINT: endpoints.bigqueryApi,
        TEST_BIGQUERY_GRPC_ENDPOINT: endpoints.bigqueryGrpc,
        TEST_BIGQUERY_PROJECT: endpoints.project,
        TEST_PUBSUB_EMULATOR_HOST: endpoints.pubsub,
        METADATA_SERVER_DETECTION: 'none',
      },
    };
  });
}
