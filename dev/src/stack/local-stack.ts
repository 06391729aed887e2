import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { createBigQuery } from '@orderstream/bigquery';
import { createKafka } from '@orderstream/kafka';
import { type Kafka } from 'kafkajs';
import { TableReader } from '@orderstream/ledger';
import { type DevSettings } from '../dev.config';
import { prepare } from '../install/prepare';
import { type StackPaths } from '../paths';
import { stopOrphans } from '../process/orphans';
import { PortFinder } from '../process/ports';
import { type Progress } from '../progress';
import { ANY_PORTS, type Endpoints, infrastructure, INFRASTRUCTURE_STOP_ORDER, USUAL_PORTS } from './infrastructure';
import { type PartStatus } from './part';
import { ServiceClient } from './service-client';
import {
  DATASET,
  GENERATOR,
  type GeneratorOptions,
  PIPELINE,
  PUBSUB_SUBSCRIPTION,
  PUBSUB_TOPIC,
  type Service,
  type ServiceName,
  services,
} from './services';
import { removeStackFile, writeStackFile } from './stack-file';
import { Supervisor } from './supervisor';
import { loadTokens } from './tokens';

/** What feeds stops before what it feeds. */
const STOP_ORDER: readonly string[] = [GENERATOR, ...PIPELINE, ...INFRASTRUCTURE_STOP_ORDER];
const ORPHAN_GRACE_MS = 15_000;

export interface LocalStackContext {
  readonly paths: StackPaths;
  readonly settings: DevSettings;
  /** What the parts inherit, and where programs are looked for. */
  readonly env: NodeJS.ProcessEnv;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** Ports that nobody else expects anything on, instead of the usual ones. */
  readonly anyPorts: boolean;
  /** Told before the first process starts: from then on `kill` ends whatever runs. */
  readonly onStarting: (stack: LocalStack) => void;
}

/** Broker, emulators and services of one home folder. The caller holds its lock. */
export class LocalStack {
  private constructor(
    readonly endpoints: Endpoints,
    readonly services: Readonly<Record<ServiceName, Service>>,
    readonly clients: Readonly<Record<ServiceName, ServiceClient>>,
    private readonly supervisor: Supervisor,
    private readonly context: LocalStackContext,
  ) {}

  static ledgerFolder(paths: StackPaths): string {
    return join(paths.data, 'ledger');
  }

  /** Forgets all data of earlier runs. Installations and tokens stay. */
  static reset(paths: StackPaths): void {
    rmSync(paths.data, { recursive: true, force: true });
    rmSync(paths.logs, { recursive: true, force: true });
  }

  /** Ends what a killed runner left behind. */
  static async stopOrphans(paths: StackPaths, progress: Progress): Promise<void> {
    const stopped = await stopOrphans(paths.run, STOP_ORDER, ORPHAN_GRACE_MS);
    if (stopped.length > 0) progress.line(`Stopped what an earlier start left behind: ${stopped.join(', ')}`);
  }

  /** Starts everything but the generator, which `startGenerator` starts. Whatever fails, what was started is stopped. */
  static async start(context: LocalStackContext, generator: GeneratorOptions): Promise<LocalStack> {
    const { paths, settings, env, progress, signal, anyPorts } = context;
    const toolbox = await prepare({ paths, settings, env, progress, signal });
    const tokens = loadTokens(paths.tokensFile);
    const ports = new PortFinder();
    const childEnv = {
      ...env,
      METADATA_SERVER_DETECTION: 'none',
      // A third of a service's start is compiling what was compiled at the start before.
      NODE_COMPILE_CACHE: join(paths.installed, 'compiled'),
    };
    const preferred = anyPorts ? ANY_PORTS : USUAL_PORTS;
    const { parts, endpoints } = await infrastructure({ paths, toolbox, env: childEnv, ports, preferred });
    const all = await services(
      {
        repository: paths.repository,
        ledgerFolder: LocalStack.ledgerFolder(paths),
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
    const stack = new LocalStack(endpoints, all, clients, supervisor, context);
    context.onStarting(stack);
    try {
      progress.line('Starting:');
      await supervisor.start(parts, signal);
      await supervisor.start(
        PIPELINE.map((name) => all[name].part),
        signal,
      );
      writeStackFile(paths.stackFile, {
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
        services: mapValues(all, ({ url }) => ({ url })),
        tokens,
      });
      return stack;
    } catch (error) {
      await stack.stop();
      throw error;
    }
  }

  async startGenerator(): Promise<void> {
    await this.supervisor.start([this.services[GENERATOR].part], this.context.signal);
  }

  status(): PartStatus[] {
    return this.supervisor.status();
  }

  kafka(): Kafka {
    return createKafka({ brokers: [this.endpoints.kafka], clientId: 'orderstream-dev' });
  }

  tables(): TableReader {
    const { project, bigqueryApi, bigqueryGrpc } = this.endpoints;
    const connection = {
      project,
      dataset: DATASET,
      location: 'US',
      apiEndpoint: bigqueryApi,
      grpcEndpoint: bigqueryGrpc,
    };
    return new TableReader(createBigQuery(connection), DATASET);
  }

  /** Stops in an order in which nothing is lost and the next start has nothing to repair. */
  async stop(): Promise<void> {
    removeStackFile(this.context.paths.stackFile);
    await this.supervisor.stop(STOP_ORDER);
  }

  /** Ends all processes at once. */
  kill(): void {
    removeStackFile(this.context.paths.stackFile);
    this.supervisor.kill();
  }
}

function mapValues<K extends string, V, W>(record: Readonly<Record<K, V>>, map: (value: V) => W): Record<K, W> {
  return Object.fromEntries(Object.entries<V>(record).map(([key, value]) => [key, map(value)])) as Record<K, W>;
}
