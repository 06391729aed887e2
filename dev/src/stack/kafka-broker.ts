import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { StartError } from '../errors';
import { runCommand } from '../install/run-command';
import { type StackPaths } from '../paths';
import { describeExit, ManagedProcess, type ProcessSpec } from '../process/managed-process';
import { waitUntil } from '@orderstream/deadlines';
import { type Part } from './part';

/** Any valid id does: there is one cluster per data folder, and nothing else ever joins it. */
const CLUSTER_ID = 'b3JkZXJzdHJlYW0tbG9jYQ';
const JVM_OPTIONS = ['-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
const LOG_OPTIONS = ['-Dorg.slf4j.simpleLogger.defaultLogLevel=warn', '-Dorg.slf4j.simpleLogger.showDateTime=true'];
/** What the fencing of a broker says of itself. */
const FENCING_LOG = '-Dorg.slf4j.simpleLogger.log.org.apache.kafka.controller.ReplicationControlManager=info';
const FORMER_SESSION_MS = 500;
const FENCING_TIMEOUT_MS = 30_000;
const ANSWER_TIMEOUT_MS = 1_000;

/** A further listener, which tells its clients to come to another port: a proxy's, that leads to this one. */
export interface ProxiedListener {
  /** Upper-case letters. */
  readonly name: string;
  readonly port: number;
  readonly advertisedPort: number;
}

export interface KafkaBrokerOptions {
  readonly java: string;
  /** Where the jars are: `<folder>/lib`. */
  readonly folder: string;
  readonly data: string;
  readonly paths: Pick<StackPaths, 'logs' | 'run'>;
  readonly port: number;
  readonly controllerPort: number;
  readonly proxied?: readonly ProxiedListener[] | undefined;
  readonly env: NodeJS.ProcessEnv;
}

/** Apache Kafka as one KRaft node, broker and controller in one process. */
export function kafkaBroker(options: KafkaBrokerOptions): Part {
  const { java, folder, data, port, env } = options;
  const classPath = join(folder, 'lib', '*');
  const propertiesFile = join(data, 'server.properties');
  const controllerFile = join(data, 'controller.properties');
  const logs = join(data, 'logs');
  const node = (properties: string, ...logOptions: readonly string[]): ProcessSpec => ({
    name: 'kafka',
    command: java,
    args: [...JVM_OPTIONS, ...LOG_OPTIONS, ...logOptions, '-cp', classPath, 'kafka.Kafka', properties],
    env,
  });
  return {
    name: 'kafka',
    async prepare() {
      mkdirSync(data, { recursive: true });
      writeFileSync(propertiesFile, serverProperties({ ...options, logs }));
      writeFileSync(controllerFile, controllerProperties({ ...options, logs }));
      if (existsSync(join(logs, 'meta.properties'))) return;
      const format = [
        'kafka.tools.StorageTool',
        'format',
        '--ignore-formatted',
        '-t',
        CLUSTER_ID,
        '-c',
        propertiesFile,
      ];
      const { code, output } = await runCommand(java, [...JVM_OPTIONS, '-cp', classPath, ...format], { env });
      if (code !== 0) throw new StartError(`Kafka's storage cannot be formatted in ${logs}:\n${output}`);
    },
    async process() {
      if (wasKilled(logs)) await fenceFormer(options, node(controllerFile, FENCING_LOG));
      return node(propertiesFile);
    },
    isReady: () => answersApiVersions(port),
    readyWithinMs: 60_000,
    stopGraceMs: 30_000,
  };
}

/** Whether the node has been up before and has not been shut down. */
function wasKilled(logs: string): boolean {
  return (
    existsSync(join(logs, '__cluster_metadata-0', 'quorum-state')) && !existsSync(join(logs, '.kafka_cleanshutdown'))
  );
}

/**
 * Runs the node as a controller alone, until it has given up the broker that was killed. A broker that finds itself the
 * leader in the metadata log, and loses that to the end of its former session while its coordinators load, may forget
 * committed positions and the ends of transactions: docs/decisions/006-local-stack-without-containers.md.
 */
async function fenceFormer({ paths, controllerPort }: KafkaBrokerOptions, spec: ProcessSpec): Promise<void> {
  const log = join(paths.logs, `${spec.name}.log`);
  const from = existsSync(log) ? statSync(log).size : 0;
  const controller = await ManagedProcess.start(spec, paths);
  const died = new AbortController();
  void controller.exited.then((exit) => {
    died.abort(
      new StartError(`The controller of kafka ${describeExit(exit)}. The end of ${log}:\n${controller.log.tail(15)}`),
    );
  });
  let activeAt: number | undefined;
  const isFenced = async (): Promise<boolean> => {
    const said = readFileSync(log);
    // A log that had grown was begun anew by the start.
    if (said.subarray(said.length < from ? 0 : from).includes('Fencing broker 1 ')) return true;
    if (activeAt === undefined && (await answersApiVersions(controllerPort))) activeAt = performance.now();
    // It was fenced when it was killed: nothing more will be said of it.
    return activeAt !== undefined && performance.now() - activeAt > 10 * FORMER_SESSION_MS;
  };
  try {
    await waitUntil(isFenced, {
      what: `the controller of kafka to give up the former broker (its log: ${log})`,
      deadlineMs: FENCING_TIMEOUT_MS,
      intervalMs: 50,
      signal: died.signal,
    });
  } catch (error) {
    if (died.signal.aborted) throw died.signal.reason;
    throw error;
  } finally {
    await controller.stop(FENCING_TIMEOUT_MS);
  }
}

function controllerProperties({ controllerPort, logs }: KafkaBrokerOptions & { logs: string }): string {
  return propertiesText({
    'process.roles': 'controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${String(controllerPort)}`,
    listeners: `CONTROLLER://127.0.0.1:${String(controllerPort)}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT',
    'log.dirs': logs,
    'broker.session.timeout.ms': FORMER_SESSION_MS,
    'broker.heartbeat.interval.ms': FORMER_SESSION_MS / 5,
  });
}

function serverProperties(options: KafkaBrokerOptions & { logs: string }): string {
  const { port, controllerPort, proxied = [], logs } = options;
  const at = (name: string, number: number): string => `${name}://127.0.0.1:${String(number)}`;
  const clients = [{ name: 'PLAINTEXT', port, advertisedPort: port }, ...proxied];
  const properties = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${String(controllerPort)}`,
    listeners: [...clients.map((each) => at(each.name, each.port)), at('CONTROLLER', controllerPort)].join(','),
    'advertised.listeners': clients.map((each) => at(each.name, each.advertisedPort)).join(','),
    'inter.broker.listener.name': 'PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': [...clients.map(({ name }) => name), 'CONTROLLER']
      .map((name) => `${name}:PLAINTEXT`)
      .join(','),
    'log.dirs': logs,
    'auto.create.topics.enable': false,
    // One node holds the only copy of everything.
    'default.replication.factor': 1,
    'min.insync.replicas': 1,
    'offsets.topic.replication.factor': 1,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    // Small: a laptop's worth of files, memory and threads, and a quick start.
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.num.partitions': 4,
    'share.coordinator.state.topic.num.partitions': 1,
    'num.network.threads': 2,
    'num.io.threads': 4,
    'log.cleaner.dedupe.buffer.size': 4 * 1_048_576,
    'log.index.size.max.bytes': 1_048_576,
    'group.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 1_000,
    'message.max.bytes': 8 * 1_048_576,
    'replica.fetch.max.bytes': 8 * 1_048_576,
    // The coordinators read these topics whole before they serve: keep what compaction may not touch, and markers, few.
    'offsets.topic.segment.bytes': 1_048_576,
    'transaction.state.log.segment.bytes': 1_048_576,
    'log.cleaner.delete.retention.ms': 10 * 60_000,
    // A stack that is started again after a month goes on where it stopped: positions must outlive the topics' records.
    'offsets.retention.minutes': 60 * 24 * 90,
  };
  return propertiesText(properties);
}

function propertiesText(properties: Readonly<Record<string, string | number | boolean>>): string {
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${String(value)}\n`)
    .join('');
}

/**
 * Whether a broker answers an ApiVersions request (v0), the first thing that any client asks. A port that accepts
 * connections is not enough: the listener is open before the broker serves.
 */
function answersApiVersions(port: number): Promise<boolean> {
  const clientId = Buffer.from('readiness');
  const request = Buffer.alloc(4 + 8 + 2 + clientId.length);
  request.writeInt32BE(request.length - 4, 0);
  request.writeInt16BE(18, 4); // ApiVersions
  request.writeInt16BE(0, 6); // version
  request.writeInt32BE(1, 8); // correlation id
  request.writeInt16BE(clientId.length, 12);
  clientId.copy(request, 14);
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port }, () => socket.write(request));
    const finish = (answered: boolean): void => {
      socket.destroy();
      resolve(answered);
    };
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => {
      finish(false);
    });
    socket.once('data', () => {
      finish(true);
    });
    socket.once('error', () => {
      finish(false);
    });
    socket.once('close', () => {
      finish(false);
    });
  });
}
