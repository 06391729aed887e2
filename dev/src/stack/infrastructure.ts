import { join } from 'node:path';
import { type Toolbox } from '../install/prepare-toolbox';
import { type StackPaths } from '../paths';
import { type ComponentEnv } from '../process/component-env';
import { type PortFinder } from '../process/ports';
import { bigqueryEmulator } from './bigquery-emulator';
import { type Component } from './component';
import { clusterIdOfData } from './cluster-id';
import { JvmHeap } from './jvm-heap';
import { kafkaBroker, kafkaLogs } from './kafka-broker';
import { type ProxiedListener } from './kafka-properties';
import { pubsubEmulator } from './pubsub-emulator';

const LOCAL_PROJECT = 'orderstream-local';

/** Addresses of the broker and the emulators. */
export interface Endpoints {
  /** `host:port` */
  readonly kafka: string;
  readonly kafkaClusterId: string;
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

/** Ports of `npm start`; the next free one if a port is taken. */
export const DEFAULT_PORTS: InfrastructurePorts = {
  kafka: 19_092,
  bigqueryApi: 9_050,
  bigqueryGrpc: 9_060,
  pubsub: 8_085,
};
export const ANY_PORTS: InfrastructurePorts = { kafka: 0, bigqueryApi: 0, bigqueryGrpc: 0, pubsub: 0 };

export const INFRASTRUCTURE_STOP_ORDER = ['bigquery-emulator', 'pubsub-emulator', 'kafka'] as const;

/** Finds ports for the broker and the emulators, and returns their components and addresses. Starts nothing. */
export async function defineInfrastructure(context: {
  readonly paths: StackPaths;
  readonly toolbox: Toolbox;
  readonly env: ComponentEnv;
  readonly ports: PortFinder;
  readonly preferred: InfrastructurePorts;
  /** Additional listeners of the broker. */
  readonly proxied?: readonly ProxiedListener[];
  /** Maximum heap of the Pub/Sub emulator. */
  readonly pubsubHeapMb: number;
}): Promise<{
  readonly components: readonly Component[];
  readonly endpoints: Endpoints;
  readonly pubsubHeap: JvmHeap;
  /** The folder with the logs of the broker, one folder for each partition. */
  readonly kafkaLogs: string;
}> {
  const { paths, toolbox, env, ports, preferred, proxied, pubsubHeapMb } = context;
  const { java } = toolbox;
  const port = await ports.find(preferred.kafka);
  const controllerPort = await ports.find(preferred.kafka === 0 ? 0 : preferred.kafka + 1);
  const apiPort = await ports.find(preferred.bigqueryApi);
  const grpcPort = await ports.find(preferred.bigqueryGrpc);
  const pubsubPort = await ports.find(preferred.pubsub);
  const data = join(paths.data, 'kafka');
  const clusterId = clusterIdOfData(kafkaLogs(data));
  const pubsubHeap = new JvmHeap(pubsubHeapMb, paths.logs, 'pubsub-emulator-gc.log');
  const at = (number: number): string => `127.0.0.1:${String(number)}`;
  return {
    components: [
      kafkaBroker({
        java,
        folder: toolbox.kafkaFolder,
        data,
        clusterId,
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
      pubsubEmulator({
        java,
        jar: toolbox.pubsubEmulatorJar,
        port: pubsubPort,
        project: LOCAL_PROJECT,
        heap: pubsubHeap,
        env,
      }),
    ],
    endpoints: {
      kafka: at(port),
      kafkaClusterId: clusterId,
      bigqueryApi: `http://${at(apiPort)}`,
      bigqueryGrpc: at(grpcPort),
      pubsub: at(pubsubPort),
      project: LOCAL_PROJECT,
    },
    pubsubHeap,
    kafkaLogs: kafkaLogs(data),
  };
}
