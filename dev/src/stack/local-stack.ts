import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type BigQuery } from '@google-cloud/bigquery';
import { createBigQuery } from '@orderstream/bigquery';
import { validatedTopic } from '@orderstream/contracts';
import { createKafka } from '@orderstream/kafka';
import { type Kafka } from 'kafkajs';
import { TableReader } from '@orderstream/ledger';
import { type DevSettings } from '../dev.config';
import { prepareToolbox } from '../install/prepare-toolbox';
import { type StackPaths } from '../paths';
import { componentEnv } from '../process/component-env';
import { stopOrphans } from '../process/orphans';
import { PortFinder } from '../process/ports';
import { type Progress } from '../progress';
import { BridgeDelivery } from './bridge-delivery';
import { batchShare } from './batch-share';
import { type ComponentStatus } from './component';
import {
  ANY_PORTS,
  DEFAULT_PORTS,
  defineInfrastructure,
  type Endpoints,
  INFRASTRUCTURE_STOP_ORDER,
} from './infrastructure';
import { PubsubRestarts } from './pubsub-restarts';
import { ServiceClient } from './service-client';
import {
  BATCH_LOADER,
  BESIDE,
  CONSOLE,
  DATASET,
  defineServices,
  GENERATOR,
  type GeneratorOptions,
  PIPELINE,
  PUBSUB_SUBSCRIPTION,
  PUBSUB_TOPIC,
  type Service,
  type ServiceName,
} from './services';
import { removeStackFile, type StackFile, writeStackFile } from './stack-file';
import { Supervisor } from './supervisor';
import { loadTokens, type StackTokens } from './tokens';

/** Each component stops before those that it writes to. */
const STOP_ORDER: readonly string[] = [...BESIDE, GENERATOR, ...PIPELINE, ...INFRASTRUCTURE_STOP_ORDER];
const ORPHAN_GRACE_MS = 15_000;

export interface LocalStackContext {
  readonly paths: StackPaths;
  readonly settings: DevSettings;
  /** The user's environment: to search for programs and to install. Components get only what `componentEnv` lets through. */
  readonly env: NodeJS.ProcessEnv;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** Whether to use random free ports instead of the default ones. */
  readonly anyPorts: boolean;
  /** Called before the first process starts; `kill` works from then on. */
  readonly onStarting: (stack: LocalStack) => void;
}

/** Broker, emulators and services of one home folder. The caller holds the lock of the folder. */
export class LocalStack {
  private isStopping = false;
  private file: StackFile | undefined;

  private constructor(
    readonly endpoints: Endpoints,
    readonly services: Readonly<Record<ServiceName, Service>>,
    readonly clients: Readonly<Record<ServiceName, ServiceClient>>,
    private readonly supervisor: Supervisor,
    private readonly restarts: PubsubRestarts,
    private readonly tokens: StackTokens,
    private readonly context: LocalStackContext,
  ) {}

  /** Deletes data and logs of earlier runs. Installations and tokens stay. */
  static reset(paths: StackPaths): void {
    rmSync(paths.data, { recursive: true, force: true });
    rmSync(paths.logs, { recursive: true, force: true });
  }

  /** Stops the processes of a killed runner. */
  static async stopOrphans(paths: StackPaths, progress: Progress): Promise<void> {
    const stopped = await stopOrphans(paths.run, STOP_ORDER, ORPHAN_GRACE_MS);
    if (stopped.length > 0) progress.line(`Stopped processes of an earlier start: ${stopped.join(', ')}`);
  }

  /** Starts everything except the generator. If the start fails, whatever was started is stopped. */
  static async start(context: LocalStackContext, generator: GeneratorOptions): Promise<LocalStack> {
    const { paths, settings, env, progress, signal, anyPorts } = context;
    const toolbox = await prepareToolbox({ paths, settings, env, progress, signal });
    const tokens = loadTokens(paths.tokensFile);
    const ports = new PortFinder();
    const childEnv = componentEnv(env, paths);
    const { components, endpoints, pubsubHeap } = await defineInfrastructure({
      paths,
      toolbox,
      env: childEnv,
      ports,
      preferred: anyPorts ? ANY_PORTS : DEFAULT_PORTS,
      pubsubHeapMb: settings.pubsubHeapMb,
    });
    const batch = batchShare(paths, generator.seed);
    const all = await defineServices(
      {
        repository: paths.repository,
        ledgerFolder: paths.ledger,
        batch,
        endpoints,
        tokens,
        env: childEnv,
        ports,
        anyPorts,
      },
      generator,
    );
    const clients = mapValues(all, ({ url }) => new ServiceClient(url, tokens.viewer));
    const supervisor = new Supervisor(paths, progress);
    const restarts = new PubsubRestarts({
      delivery: new BridgeDelivery({
        kafka: kafkaOf(endpoints),
        bigquery: bigqueryOf(endpoints),
        topic: validatedTopic('orders'),
        table: `${DATASET}.streaming_orders`,
      }),
      bridge: new ServiceClient(all['pubsub-bridge'].url, tokens.operator),
      subscription: clients['subscription-emulator'],
      supervisor,
      heap: pubsubHeap,
      file: join(paths.data, 'delivered-orders.json'),
      progress,
    });
    const stack = new LocalStack(endpoints, all, clients, supervisor, restarts, tokens, context);
    context.onStarting(stack);
    try {
      progress.line('Starting:');
      await supervisor.start(components, signal);
      await restarts.prepare();
      await supervisor.start(
        PIPELINE.map((name) => all[name].component),
        signal,
      );
      restarts.start();
      stack.writeFile({
        kafka: { brokers: [endpoints.kafka] },
        bigquery: {
          apiEndpoint: endpoints.bigqueryApi,
          grpcEndpoint: endpoints.bigqueryGrpc,
          projectId: endpoints.project,
          dataset: DATASET,
        },
        pubsub: {
          endpoint: endpoints.pubsub,
          projectId: endpoints.project,
          topic: PUBSUB_TOPIC,
          subscription: PUBSUB_SUBSCRIPTION,
        },
        batch,
        services: stack.addresses([GENERATOR, ...PIPELINE]),
        tokens,
      });
      return stack;
    } catch (error) {
      await stack.stop();
      supervisor.failed.throwIfAborted();
      throw error;
    }
  }

  async startGenerator(): Promise<void> {
    await this.supervisor.start([this.services[GENERATOR].component], this.context.signal);
  }

  /** Starts the console while the others already work: it delays nothing, and the stack goes on without it. */
  startConsole(): void {
    const { url } = this.services[CONSOLE];
    void this.startBeside(CONSOLE).then((isReady) => {
      if (!isReady || this.file === undefined) return;
      this.writeFile({ ...this.file, console: { url } });
      this.context.progress.line(`Console at ${url}/admin, with the tokens of ${this.context.paths.stackFile}`);
    });
  }

  /**
   * Starts the batch loader in the same way.
   * @returns its admin API, as an operator has it, once it is ready; undefined if it does not start
   */
  async startBatchLoader(): Promise<ServiceClient | undefined> {
    if (!(await this.startBeside(BATCH_LOADER))) return undefined;
    return new ServiceClient(this.services[BATCH_LOADER].url, this.tokens.operator);
  }

  /** @returns whether it is ready */
  private async startBeside(name: (typeof BESIDE)[number]): Promise<boolean> {
    const { context, supervisor, services } = this;
    const { component, url } = services[name];
    try {
      await supervisor.start([component], context.signal);
    } catch (error) {
      if (this.isStopping || context.signal.aborted) return false;
      const [why = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
      context.progress.line(`  ${name} does not start, the others go on: ${why}`);
      return false;
    }
    if (this.isStopping || this.file === undefined) return false;
    this.writeFile({ ...this.file, services: { ...this.file.services, [name]: { url } } });
    return true;
  }

  /** See `Supervisor.failed`. */
  get failed(): AbortSignal {
    return this.supervisor.failed;
  }

  status(): ComponentStatus[] {
    return this.supervisor.status();
  }

  createKafka(): Kafka {
    return kafkaOf(this.endpoints);
  }

  createTableReader(): TableReader {
    return new TableReader(bigqueryOf(this.endpoints), DATASET);
  }

  /** Stops all components, each before those that it writes to, so that the next start has nothing to recover. */
  async stop(): Promise<void> {
    this.isStopping = true;
    removeStackFile(this.context.paths.stackFile);
    const restarts = this.restarts.stop();
    await this.supervisor.stop(STOP_ORDER);
    await restarts;
  }

  /** Kills all processes at once. */
  kill(): void {
    this.isStopping = true;
    removeStackFile(this.context.paths.stackFile);
    this.supervisor.kill();
  }

  private writeFile(content: StackFile): void {
    this.file = content;
    writeStackFile(this.context.paths.stackFile, content);
  }

  private addresses(names: readonly ServiceName[]): StackFile['services'] {
    return Object.fromEntries(names.map((name) => [name, { url: this.services[name].url }]));
  }
}

const kafkaOf = ({ kafka }: Endpoints): Kafka => createKafka({ brokers: [kafka], clientId: 'orderstream-dev' });

function bigqueryOf({ project, bigqueryApi: apiEndpoint, bigqueryGrpc: grpcEndpoint }: Endpoints): BigQuery {
  return createBigQuery({ project, dataset: DATASET, location: 'US', apiEndpoint, grpcEndpoint });
}

function mapValues<K extends string, V, W>(record: Readonly<Record<K, V>>, map: (value: V) => W): Record<K, W> {
  return Object.fromEntries(Object.entries<V>(record).map(([key, value]) => [key, map(value)])) as Record<K, W>;
}
