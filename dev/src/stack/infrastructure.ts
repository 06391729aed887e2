import { join } from 'node:path';
import { type Toolbox } from '../install/prepare';
import { type StackPaths } from '../paths';
import { type PortFinder } from '../process/ports';
import { bigqueryEmulator } from './bigquery-emulator';
import { kafkaBroker, type ProxiedListener } from './kafka-broker';
import { type Part } from './part';
import { pubsubEmulator } from './pubsub-emulator';

const LOCAL_PROJECT = 'orderstream-local';

/** How the broker and the emulators are reached. */
export interface Endpoints {
  /** `host:port` */
  readonly kafka: string;
  /** `http://host:port` */
  readonly bigqueryApi: string;
  /** `host:port` */
  readonly bigqueryGrpc: string;
  /** `host:port` */
  readonly pubsub: string;
  readonly project: string;
}

export interface InfrastructurePorts {
  readonly kafka: number;
  readonly bigqueryApi: number;
  readonly bigqueryGrpc: number;
  readonly pubsub: number;
}

/** Where `npm start` listens if it can. */
export const USUAL_PORTS: InfrastructurePorts = {
  kafka: 19_092,
  bigqueryApi: 9_050,
  bigqueryGrpc: 9_060,
  pubsub: 8_085,
};
export const ANY_PORTS: InfrastructurePorts = { kafka: 0, bigqueryApi: 0, bigqueryGrpc: 0, pubsub: 0 };

/** In the order in which they stop. */
export const INFRASTRUCTURE_STOP_ORDER = ['bigquery-emulator', 'pubsub-emulator', 'kafka'] as const;

/** The broker and the emulators for Google's services: what the services need around them. */
export async function infrastructure(context: {
  readonly paths: StackPaths;
  readonly toolbox: Toolbox;
  readonly env: NodeJS.ProcessEnv;
  readonly ports: PortFinder;
  readonly preferred: InfrastructurePorts;
  /** Further listeners of the broker. */
  readonly proxied?: readonly ProxiedListener[];
  /** Largest heap of the Pub/Sub emulator, where it is to hold more than usual. */
  readonly pubsubHeapMb?: number;
}): Promise<{ readonly parts: readonly Part[]; readonly endpoints: Endpoints }> {
  const { paths, toolbox, env, ports, preferred, proxied, pubsubHeapMb } = context;
  const { java } = toolbox;
  const port = await ports.find(preferred.kafka);
  const controllerPort = await ports.find(preferred.kafka === 0 ? 0 : preferred.kafka + 1);
  const apiPort = await ports.find(preferred.bigqueryApi);
  const grpcPort = await ports.find(preferred.bigqueryGrpc);
  const pubsubPort = await ports.find(preferred.pubsub);
  const at = (number: number): string => `127.0.0.1:${String(number)}`;
  return {
    parts: [
      kafkaBroker({
        java,
        folder: toolbox.kafkaFolder,
        data: join(paths.data, 'kafka'),
        paths,
        port,
        controllerPort,
        proxied,
        env,
      }),
      bigqueryEmulator({
        python: toolbox.bigqueryPython,
        repository: paths.repository,
        data: join(paths.data, 'bigquery'),
        project: LOCAL_PROJECT,
        apiPort,
        grpcPort,
        env,
      }),
      pubsubEmulator({ java, jar: toolbox.pubsubEmulatorJar, port: pubsubPort, env, heapMb: pubsubHeapMb }),
    ],
    endpoints: {
      kafka: at(port),
      bigqueryApi: `http://${at(apiPort)}`,
      bigqueryGrpc: at(grpcPort),
      pubsub: at(pubsubPort),
      project: LOCAL_PROJECT,
    },
  };
}
