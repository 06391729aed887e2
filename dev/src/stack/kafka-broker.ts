import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StartError } from '../errors';
import { runCommand } from '../install/run-command';
import { type StackPaths } from '../paths';
import { type ComponentEnv } from '../process/component-env';
import { type ProcessSpec } from '../process/managed-process';
import { answersApiVersions, readClusterId } from './broker-probe';
import { type Component, type Launch } from './component';
import {
  controllerProperties,
  FORMER_SESSION_MS,
  type KafkaPorts,
  type ProxiedListener,
  serverProperties,
} from './kafka-properties';

const JVM_OPTIONS = ['-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
const LOG_OPTIONS = [
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
  '-Dorg.slf4j.simpleLogger.showDateTime=true',
  // It logs on this level when it drops the marker of a transaction.
  '-Dorg.slf4j.simpleLogger.log.kafka.coordinator.transaction.TransactionMarkerChannelManager=info',
];
/** The class that logs when the controller fences a broker. */
const FENCING_LOG = '-Dorg.slf4j.simpleLogger.log.org.apache.kafka.controller.ReplicationControlManager=info';
const FENCING_TIMEOUT_MS = 30_000;
const CONTROLLER_STOP_GRACE_MS = 5_000;

export interface KafkaBrokerOptions extends KafkaPorts {
  readonly java: string;
  /** The jars are in `<folder>/lib`. */
  readonly folder: string;
  readonly data: string;
  readonly clusterId: string;
  readonly paths: Pick<StackPaths, 'logs'>;
  readonly proxied?: readonly ProxiedListener[] | undefined;
  readonly env: ComponentEnv;
}

/** The folder that Kafka writes to, below the data folder of the component. */
export const kafkaLogs = (data: string): string => join(data, 'logs');

/**
 * Apache Kafka as one KRaft node, broker and controller in one process. It is ready when a broker of its own cluster answers
 * on its port: another stack can have taken the port while this broker was down.
 */
export function kafkaBroker(options: KafkaBrokerOptions): Component {
  const { java, folder, data, clusterId, port, controllerPort, env } = options;
  const classPath = join(folder, 'lib', '*');
  const propertiesFile = join(data, 'server.properties');
  const controllerFile = join(data, 'controller.properties');
  const logs = kafkaLogs(data);
  const node = (properties: string, ...logOptions: readonly string[]): ProcessSpec => ({
    name: 'kafka',
    command: java,
    args: [...JVM_OPTIONS, ...LOG_OPTIONS, ...logOptions, '-cp', classPath, 'kafka.Kafka', properties],
    env,
  });
  return {
    name: 'kafka',
    ports: [port, controllerPort],
    async prepare() {
      mkdirSync(data, { recursive: true });
      writeFileSync(propertiesFile, serverProperties({ ...options, logs }));
      writeFileSync(controllerFile, controllerProperties({ ...options, logs }));
      if (existsSync(join(logs, 'meta.properties'))) return;
      const format = ['kafka.tools.StorageTool', 'format', '--ignore-formatted', '-t', clusterId, '-c', propertiesFile];
      const { code, output } = await runCommand(java, [...JVM_OPTIONS, '-cp', classPath, ...format], { env });
      if (code !== 0) throw new StartError(`Kafka cannot format its storage in ${logs}:\n${output}`);
    },
    async process(launch) {
      if (wasKilled(logs)) await fenceFormerBroker(options, node(controllerFile, FENCING_LOG), launch);
      return node(propertiesFile);
    },
    isReady: async () => (await readClusterId(port)) === clusterId,
    isAlive: async () => (await readClusterId(port)) === clusterId,
    async portOwner() {
      const other = await readClusterId(port);
      return other === undefined ? undefined : `a Kafka broker of the cluster ${other}, not of ${clusterId}`;
    },
    readyWithinMs: 60_000,
    stopGraceMs: 30_000,
  };
}

/** Whether the node has run before and has not been shut down cleanly. */
function wasKilled(logs: string): boolean {
  return (
    existsSync(join(logs, '__cluster_metadata-0', 'quorum-state')) && !existsSync(join(logs, '.kafka_cleanshutdown'))
  );
}

/**
 * Runs the node as a controller only, until it has fenced the killed broker. Otherwise the restarted broker is leader
 * in the metadata log, loses that when its former session expires while its coordinators load, and may forget committed
 * offsets and transaction markers: dev/README.md.
 */
async function fenceFormerBroker(
  { paths, controllerPort }: KafkaBrokerOptions,
  spec: ProcessSpec,
  { signal, run }: Launch,
): Promise<void> {
  const log = join(paths.logs, `${spec.name}.log`);
  const sizeBefore = existsSync(log) ? statSync(log).size : 0;
  const controller = await run(spec);
  let activeAt: number | undefined;
  const isFenced = async (): Promise<boolean> => {
    const content = readFileSync(log);
    // A file that is shorter than before is a new one.
    if (content.subarray(content.length < sizeBefore ? 0 : sizeBefore).includes('Fencing broker 1 ')) return true;
    if (activeAt === undefined && (await answersApiVersions(controllerPort))) activeAt = performance.now();
    // The controller logs nothing if the broker was already fenced when it was killed.
    return activeAt !== undefined && performance.now() - activeAt > 10 * FORMER_SESSION_MS;
  };
  try {
    await controller.waitUntil(isFenced, {
      what: 'the controller of kafka to fence the former broker',
      deadlineMs: FENCING_TIMEOUT_MS,
      intervalMs: 50,
      signal,
    });
  } finally {
    await controller.stop(CONTROLLER_STOP_GRACE_MS);
  }
}
