import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { createBigQuery } from '@orderstream/bigquery';
import { loadSettings } from '@orderstream/config';
import { createKafka } from '@orderstream/kafka';
import { type Kafka } from 'kafkajs';

import { TableReader } from '@orderstream/ledger';
import {
  ANY_PORTS,
  type ComponentEnv,
  componentEnv,
  DATASET,
  devSettings,
  type Endpoints,
  generatorEnv,
  defineInfrastructure,
  loadTokens,
  lockHome,
  PortFinder,
  prepareToolbox,
  type Progress,
  type ProxiedListener,
  repositoryRoot,
  type Service,
  serviceInstance,
  type ServiceName,
  type StackPaths,
  stackPaths,
  type StackTokens,
  stopOrphans,
} from '../../../../dev/src';
import { TcpProxy } from '../proxy/tcp-proxy';
import { WriteApiProxy } from '../proxy/write-api-proxy';
import { Instance } from './instance';
import { ServiceAccess } from './service-access';

export const APPS = ['order-generator', 'validator', 'bq-sink', 'pubsub-bridge', 'subscription-emulator'] as const;
export type App = (typeof APPS)[number];
export const BACKENDS = ['kafka', 'bigquery-emulator', 'pubsub-emulator'] as const;
export type Backend = (typeof BACKENDS)[number];

/** Links between a service and what it talks to. Each has a proxy of its own. */
export const LINKS = [
  'order-generator~kafka',
  'validator~kafka',
  'bq-sink~kafka',
  'pubsub-bridge~kafka',
  'bq-sink~write-api',
  'bq-sink~bigquery',
  'pubsub-bridge~pubsub',
  'pubsub-bridge~bigquery',
  'subscription-emulator~pubsub',
  'subscription-emulator~bigquery',
] as const;
export type Link = (typeof LINKS)[number];

/** Services that run as several instances. */
export const CONSUMERS = ['validator', 'bq-sink', 'pubsub-bridge'] as const;
export type Consumer = (typeof CONSUMERS)[number];

const MAX_INSTANCES = 3;
const ORPHAN_GRACE_MS = 3_000;
/** The emulator retains every message in memory. This is enough for about 700,000 orders in one round. */
const PUBSUB_HEAP_MB = 4_096;
const CONSOLE = 'console';
const STOP_ORDER = [CONSOLE, 'order-generator', 'validator', 'pubsub-bridge', 'subscription-emulator', 'bq-sink'];

/** Short timeouts: a freeze of 13 s exceeds all of them. */
const TIMEOUTS: Readonly<Record<App, NodeJS.ProcessEnv>> = {
  'order-generator': {},
  validator: { VALIDATOR_TRANSACTION_TIMEOUT_MS: '6000' },
  'bq-sink': { BQ_SINK_TRANSACTION_TIMEOUT_MS: '6000', BQ_SINK_APPEND_TIMEOUT_MS: '12000' },
  'pubsub-bridge': { PUBSUB_MIN_RETRY_BACKOFF_SECONDS: '1', PUBSUB_REQUEST_TIMEOUT_MS: '10000' },
  'subscription-emulator': {},
};

export interface FaultStackOptions {
  readonly home: string;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  readonly load: { readonly eventsPerSecond: number; readonly seed: number; readonly defectRate: number };
}

/** What an instance starts in place of the service. */
export interface Variant {
  /** Program below the repository. Undefined: the service's own. */
  readonly entry?: string;
  readonly env: NodeJS.ProcessEnv;
}

interface Member {
  readonly instance: Instance;
  readonly service: Service;
  variant: Variant | undefined;
}

/** The whole system over a folder of its own, with a proxy on every link and faults for each process. */
export class FaultStack {
  private readonly members = new Map<string, Member>();

  private constructor(
    readonly endpoints: Endpoints,
    readonly ledgerFolder: string,
    readonly links: Readonly<Record<Link, TcpProxy>>,
    readonly writeApi: WriteApiProxy,
    private readonly backends: Readonly<Record<Backend, Instance>>,
    private readonly tokens: StackTokens,
    private readonly paths: StackPaths,
    /** The folder in which the broker has its logs. */
    readonly kafkaLogs: string,
    private readonly unlock: () => void,
  ) {}

  static async start(options: FaultStackOptions): Promise<FaultStack> {
    const { progress, signal } = options;
    const settings = loadSettings(devSettings, process.env);
    const repository = repositoryRoot();
    const paths = stackPaths(repository, options.home);
    mkdirSync(paths.home, { recursive: true });
    const unlock = lockHome(paths.lock);
    await stopOrphans(paths.run, STOP_ORDER, ORPHAN_GRACE_MS);
    rmSync(paths.data, { recursive: true, force: true });
    rmSync(paths.logs, { recursive: true, force: true });
    const toolbox = await prepareToolbox({ paths, settings, env: process.env, progress, signal });
    const ports = new PortFinder();
    const env = componentEnv(process.env, paths);
    const clients = ['order-generator', 'validator', 'bq-sink', 'pubsub-bridge'] as const;
    const proxied: ProxiedListener[] = [];
    for (const client of clients) {
      proxied.push({
        name: client.replaceAll('-', '').toUpperCase(),
        port: await ports.find(0),
        advertisedPort: await ports.find(0),
      });
    }
    const { components, endpoints, kafkaLogs } = await defineInfrastructure({
      paths,
      toolbox,
      env,
      ports,
      preferred: ANY_PORTS,
      proxied,
      pubsubHeapMb: PUBSUB_HEAP_MB,
    });
    const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(':') + 1));
    const writeApi = await WriteApiProxy.listen(await ports.find(0), portOf(endpoints.bigqueryGrpc));
    const proxyTo = async (upstream: number): Promise<TcpProxy> => TcpProxy.listen(await ports.find(0), upstream);
    const kafkaProxyOf = async (client: (typeof clients)[number]): Promise<TcpProxy> => {
      const listener = proxied[clients.indexOf(client)];
      if (listener === undefined) throw new Error(`no listener for ${client}`);
      return TcpProxy.listen(listener.advertisedPort, listener.port);
    };
    const stack = new FaultStack(
      endpoints,
      paths.ledger,
      {
        'order-generator~kafka': await kafkaProxyOf('order-generator'),
        'validator~kafka': await kafkaProxyOf('validator'),
        'bq-sink~kafka': await kafkaProxyOf('bq-sink'),
        'pubsub-bridge~kafka': await kafkaProxyOf('pubsub-bridge'),
        'bq-sink~write-api': await proxyTo(writeApi.port),
        'bq-sink~bigquery': await proxyTo(portOf(endpoints.bigqueryApi)),
        'pubsub-bridge~pubsub': await proxyTo(portOf(endpoints.pubsub)),
        'pubsub-bridge~bigquery': await proxyTo(portOf(endpoints.bigqueryApi)),
        'subscription-emulator~pubsub': await proxyTo(portOf(endpoints.pubsub)),
        'subscription-emulator~bigquery': await proxyTo(portOf(endpoints.bigqueryGrpc)),
      },
      writeApi,
      Object.fromEntries(components.map((component) => [component.name, new Instance(component, paths)])) as Record<
        Backend,
        Instance
      >,
      loadTokens(paths.tokensFile),
      paths,
      kafkaLogs,
      unlock,
    );
    try {
      await stack.addServices(options, env, ports);
      await Promise.all(BACKENDS.map((name) => stack.backend(name).up()));
      await Promise.all(BACKENDS.map((name) => stack.backend(name).ready()));
      const pipeline = APPS.filter((app) => app !== 'order-generator');
      await Promise.all(pipeline.map((app) => stack.instance(app).up()));
      await Promise.all(pipeline.map((app) => stack.instance(app).ready()));
      return stack;
    } catch (error) {
      await stack.stop();
      throw error;
    }
  }

  backend(name: Backend): Instance {
    return this.backends[name];
  }

  /** @param number from 1; the instances above 1 run only while a fault needs them */
  instance(app: App, number = 1): Instance {
    return this.member(app, number).instance;
  }

  /** Sets what the instance runs from its next start on. Undefined: the service itself. */
  setVariant(app: App, variant: Variant | undefined, number = 1): void {
    this.member(app, number).variant = variant;
  }

  /** The first instance of a service, as an operator sees it. */
  service(app: App): ServiceAccess {
    return new ServiceAccess(this.member(app, 1).service, this.tokens);
  }

  /** It runs only while a fault needs it. */
  get console(): { readonly instance: Instance; readonly service: ServiceAccess } {
    const { instance, service } = this.member(CONSOLE, 1);
    return { instance, service: new ServiceAccess(service, this.tokens) };
  }

  kafka(): Kafka {
    return createKafka({ brokers: [this.endpoints.kafka], clientId: 'orderstream-faults' });
  }

  tables(): TableReader {
    const { project, bigqueryApi, bigqueryGrpc } = this.endpoints;
    return new TableReader(
      createBigQuery({
        project,
        dataset: DATASET,
        location: 'US',
        apiEndpoint: bigqueryApi,
        grpcEndpoint: bigqueryGrpc,
      }),
      DATASET,
    );
  }

  /** Ends the faults of all links and of the Write API, and thaws every process. */
  clearFaults(): void {
    for (const name of LINKS) this.links[name].clear();
    this.writeApi.clear();
    for (const { instance } of this.members.values()) instance.thaw();
  }

  async stop(): Promise<void> {
    this.clearFaults();
    const order = [...this.members.values()].map(({ instance }) => instance);
    await Promise.all(order.map((instance) => instance.downHard()));
    await Promise.all(BACKENDS.map((name) => this.backends[name].downHard()));
    await Promise.all(LINKS.map((name) => this.links[name].close()));
    this.writeApi.close();
    rmSync(this.paths.data, { recursive: true, force: true });
    this.unlock();
  }

  private member(app: App | typeof CONSOLE, number: number): Member {
    const member = this.members.get(`${app}/${String(number)}`);
    if (member === undefined) throw new Error(`there is no instance ${String(number)} of ${app}`);
    return member;
  }

  private async addServices(options: FaultStackOptions, env: ComponentEnv, ports: PortFinder): Promise<void> {
    const { load } = options;
    await this.addConsole(env, ports);
    for (const app of APPS) {
      const copies = (CONSUMERS as readonly string[]).includes(app) ? MAX_INSTANCES : 1;
      for (let number = 1; number <= copies; number++) {
        const ofInstance = (): NodeJS.ProcessEnv => ({
          ...(app === 'order-generator'
            ? generatorEnv(
                {
                  rate: load.eventsPerSecond,
                  remainingEvents: () => undefined,
                  seed: load.seed,
                  defectRate: load.defectRate,
                  scenario: 'load',
                  scenarioDir: join(this.paths.repository, 'test/support/scenarios'),
                },
                this.ledgerFolder,
              )
            : {}),
          ...TIMEOUTS[app],
          ...this.member(app, number).variant?.env,
        });
        const service = serviceInstance(
          app satisfies ServiceName,
          await ports.find(0),
          {
            repository: this.paths.repository,
            ledgerFolder: this.ledgerFolder,
            endpoints: this.endpointsOf(app),
            tokens: this.tokens,
            env,
          },
          {
            ...(number === 1 ? {} : { suffix: `-${String(number)}` }),
            entry: () => this.member(app, number).variant?.entry,
            env: () => Promise.resolve(ofInstance()),
          },
        );
        this.members.set(`${app}/${String(number)}`, {
          instance: new Instance(service.component, this.paths),
          service,
          variant: undefined,
        });
      }
    }
  }

  private async addConsole(env: ComponentEnv, ports: PortFinder): Promise<void> {
    const { paths, ledgerFolder, endpoints, tokens } = this;
    const context = { repository: paths.repository, ledgerFolder, endpoints, tokens, env };
    const service = serviceInstance(CONSOLE, await ports.find(0), context);
    const instance = new Instance(service.component, paths);
    this.members.set(`${CONSOLE}/1`, { instance, service, variant: undefined });
  }

  /** The endpoints of the service's own links. */
  private endpointsOf(app: App): Endpoints {
    const at = (link: Link): string => `127.0.0.1:${String(this.links[link].port)}`;
    const { endpoints } = this;
    switch (app) {
      case 'order-generator':
      case 'validator':
        return { ...endpoints, kafka: at(`${app}~kafka`) };
      case 'bq-sink':
        return {
          ...endpoints,
          kafka: at('bq-sink~kafka'),
          bigqueryApi: `http://${at('bq-sink~bigquery')}`,
          bigqueryGrpc: at('bq-sink~write-api'),
        };
      case 'pubsub-bridge':
        return {
          ...endpoints,
          kafka: at('pubsub-bridge~kafka'),
          pubsub: at('pubsub-bridge~pubsub'),
          bigqueryApi: `http://${at('pubsub-bridge~bigquery')}`,
        };
      case 'subscription-emulator':
        return {
          ...endpoints,
          pubsub: at('subscription-emulator~pubsub'),
          bigqueryGrpc: at('subscription-emulator~bigquery'),
        };
    }
  }
}
