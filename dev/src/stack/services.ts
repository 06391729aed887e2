import { join } from 'node:path';
import { type ComponentEnv } from '../process/component-env';
import { type ProcessSpec } from '../process/managed-process';
import { type PortFinder } from '../process/ports';
import { type BatchShare, batchShareEnv } from './batch-share';
import { type Endpoints } from './infrastructure';
import { answersOk, isServiceReady } from './http-probe';
import { type Component } from './component';
import { adminTokens, type StackTokens } from './tokens';

export const DATASET = 'ecommerce_db';
export const PUBSUB_TOPIC = 'orders-topic';
/** As the bridge creates it by default. */
const PUBSUB_DEAD_LETTER_SUBSCRIPTION = 'orders-topic-dead-letters-console';
export const PUBSUB_SUBSCRIPTION = 'orders-to-bigquery';

/** The services that bring events from the log to the tables, in their stop order: each after those that feed it. */
export const PIPELINE = ['validator', 'pubsub-bridge', 'subscription-emulator', 'bq-sink'] as const;
export const GENERATOR = 'order-generator';
/** Shows the others to operators. Nothing of the pipeline needs it. */
export const CONSOLE = 'console';
/** Loads history in batches. Nothing of the pipeline needs it. */
export const BATCH_LOADER = 'batch-loader';
/** Those that start once the stream flows. */
export const BESIDE = [CONSOLE, BATCH_LOADER] as const;
export type ServiceName = (typeof PIPELINE)[number] | typeof GENERATOR | (typeof BESIDE)[number];

const isBeside = (name: ServiceName): boolean => BESIDE.some((each) => each === name);

const FIRST_SERVICE_PORT = 3_001;
const READY_WITHIN_MS = 90_000;
/** They start beside the stream, and nothing waits for them. */
const BESIDE_READY_WITHIN_MS = 300_000;
const SHUTDOWN_TIMEOUT_MS = 25_000;
const STOP_GRACE_MS = SHUTDOWN_TIMEOUT_MS + 5_000;
/** The old space of the heap. Each service stays below 512 MB of memory. */
const HEAP_MB = 384;
/** Size of one semi-space of the young generation. Node's default of 64 MB costs 130 MB and saves no time. */
const SEMI_SPACE_MB = 8;

const ENTRY: Readonly<Record<ServiceName, string>> = {
  'order-generator': 'dist/apps/order-generator/src/main.js',
  validator: 'dist/apps/validator/src/main.js',
  'pubsub-bridge': 'dist/apps/pubsub-bridge/src/main.js',
  'subscription-emulator': 'dist/dev/src/subscription-emulator/main.js',
  'bq-sink': 'dist/apps/bq-sink/src/main.js',
  console: 'dist/apps/console/src/main.js',
  'batch-loader': 'dist/apps/batch-loader/src/main.js',
};
/** At the lowest priority it may wait long for a processor. A restart would interrupt its run. */
const BATCH_SILENT_FOR_MS = 180_000;
/** A run needs little memory for the rows of a first history. */
const BATCH_DUCKDB_MB = 256;

export interface GeneratorOptions {
  /** Events per second; 0 is unlimited. */
  readonly rate: number;
  /** Events per second of virtual time, where the rate is unlimited. */
  readonly nominalRate?: number;
  /** Number of events still to generate; called at each start of the generator. Undefined is unlimited. */
  readonly remainingEvents: () => number | undefined;
  readonly seed?: number | undefined;
  /** Share of the events that are followed by a defective record, in place of what the scenario says. */
  readonly defectRate?: number | undefined;
  /** Name of the scenario. */
  readonly scenario?: string | undefined;
  /** Folder with further scenarios. */
  readonly scenarioDir?: string;
}

export interface ServicesContext {
  readonly repository: string;
  readonly ledgerFolder: string;
  readonly endpoints: Endpoints;
  readonly tokens: StackTokens;
  readonly env: ComponentEnv;
  readonly ports: PortFinder;
  readonly anyPorts: boolean;
}

export interface Service {
  readonly name: ServiceName;
  readonly url: string;
  readonly component: Component;
}

/** Finds a port for each service and returns their components. Starts nothing. */
export async function defineServices(
  context: ServicesContext & { readonly batch: BatchShare },
  generator: GeneratorOptions,
): Promise<Record<ServiceName, Service>> {
  const found: Partial<Record<ServiceName, Service>> = {};
  const urls: Record<string, string> = {};
  const ownEnv = (name: ServiceName): NodeJS.ProcessEnv => {
    if (name === GENERATOR) return generatorEnv(generator, context.ledgerFolder);
    if (name === BATCH_LOADER) {
      return { ...batchShareEnv(context.batch), BATCH_DUCKDB_MEMORY_MB: String(BATCH_DUCKDB_MB) };
    }
    return name === CONSOLE ? consoleEnv(urls, context.tokens) : {};
  };
  for (const name of [GENERATOR, ...PIPELINE, ...BESIDE] as const) {
    const port = await context.ports.find(context.anyPorts ? 0 : FIRST_SERVICE_PORT);
    const service = serviceInstance(name, port, context, { env: () => Promise.resolve(ownEnv(name)) });
    found[name] = service;
    if (name !== CONSOLE) urls[name] = service.url;
  }
  return found as Record<ServiceName, Service>;
}

/** Differences between the instances of a service. */
export interface InstanceOptions {
  /** Appended to the name of the process, its log and its file in the run folder. */
  readonly suffix?: string;
  /** Path of the program, relative to the repository; called at each start. */
  readonly entry?: () => string | undefined;
  /** Variables that override those of every service; called at each start. */
  readonly env?: () => Promise<NodeJS.ProcessEnv>;
}

/** One process of a service. */
export function serviceInstance(
  name: ServiceName,
  port: number,
  context: Omit<ServicesContext, 'ports' | 'anyPorts'>,
  options: InstanceOptions = {},
): Service {
  const processName = `${name}${options.suffix ?? ''}`;
  const url = `http://127.0.0.1:${String(port)}`;
  const env: NodeJS.ProcessEnv = {
    ...context.env,
    ...connections(context.endpoints),
    HTTP_HOST: '127.0.0.1',
    HTTP_PORT: String(port),
    ADMIN_TOKENS: JSON.stringify(adminTokens(context.tokens)),
    KAFKA_CLIENT_ID: name,
    KAFKA_GROUP_INSTANCE_ID: processName,
    SHUTDOWN_TIMEOUT_MS: String(SHUTDOWN_TIMEOUT_MS),
  };
  return {
    name,
    url,
    component: {
      name: processName,
      ports: [port],
      process: async () => ({
        name: processName,
        ...commandOf(name, [
          '--enable-source-maps',
          `--max-old-space-size=${String(HEAP_MB)}`,
          `--max-semi-space-size=${String(SEMI_SPACE_MB)}`,
          join(context.repository, options.entry?.() ?? ENTRY[name]),
        ]),
        cwd: context.repository,
        env: { ...env, ...(await options.env?.()) },
      }),
      isReady: () => isServiceReady(url),
      isAlive: () => answersOk(`${url}/health/live`),
      ...(name === BATCH_LOADER && { silentForMs: BATCH_SILENT_FOR_MS }),
      readyWithinMs: isBeside(name) ? BESIDE_READY_WITHIN_MS : READY_WITHIN_MS,
      stopGraceMs: STOP_GRACE_MS,
    },
  };
}

/** The batch has the lowest priority: a run must not slow the stream. */
function commandOf(name: ServiceName, args: readonly string[]): Pick<ProcessSpec, 'command' | 'args'> {
  if (name !== BATCH_LOADER) return { command: process.execPath, args };
  return { command: 'nice', args: ['-n', '19', process.execPath, ...args, 'serve'] };
}

function connections(endpoints: Endpoints): NodeJS.ProcessEnv {
  return {
    KAFKA_BROKERS: endpoints.kafka,
    // The services compare it with the broker's: another stack's broker can have its port.
    KAFKA_CLUSTER_ID: endpoints.kafkaClusterId,
    KAFKA_REPLICATION: '1',
    BIGQUERY_PROJECT: endpoints.project,
    BIGQUERY_DATASET: DATASET,
    BIGQUERY_API_ENDPOINT: endpoints.bigqueryApi,
    BIGQUERY_GRPC_ENDPOINT: endpoints.bigqueryGrpc,
    // The emulator forgets open appends together with their stream, so no append can land late.
    BQ_SINK_FALLBACK_WAIT_MS: '0',
    PUBSUB_PROJECT: endpoints.project,
    PUBSUB_EMULATOR_HOST: endpoints.pubsub,
    PUBSUB_TOPIC,
    PUBSUB_SUBSCRIPTION,
  };
}

/** Where the console finds the other services. */
const consoleEnv = (urls: Readonly<Record<string, string>>, { viewer, operator }: StackTokens): NodeJS.ProcessEnv => ({
  SERVICE_URLS: JSON.stringify(urls),
  SERVICE_TOKEN: viewer,
  SERVICE_OPERATOR_TOKEN: operator,
  PUBSUB_DEAD_LETTER_SUBSCRIPTION,
});

export function generatorEnv(options: GeneratorOptions, ledgerFolder: string): NodeJS.ProcessEnv {
  const { rate, nominalRate, seed, defectRate, scenario, scenarioDir } = options;
  const remaining = options.remainingEvents();
  return {
    GENERATOR_RATE: String(rate),
    // 0 is unlimited, so a generator with no events left must not start by itself.
    GENERATOR_MAX_EVENTS: String(remaining ?? 0),
    GENERATOR_AUTOSTART: String(remaining === undefined || remaining > 0),
    GENERATOR_LEDGER_DIR: ledgerFolder,
    ...(nominalRate === undefined ? {} : { GENERATOR_NOMINAL_RATE: String(nominalRate) }),
    ...(seed === undefined ? {} : { GENERATOR_SEED: String(seed) }),
    ...(defectRate === undefined ? {} : { GENERATOR_DEFECT_RATE: String(defectRate) }),
    ...(scenario === undefined ? {} : { GENERATOR_SCENARIO: scenario }),
    ...(scenarioDir === undefined ? {} : { GENERATOR_SCENARIO_DIR: scenarioDir }),
  };
}
