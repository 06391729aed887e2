/** How long a controller waits for the heartbeat of a killed broker before it fences the broker. */
export const FORMER_SESSION_MS = 500;

export interface KafkaPorts {
  readonly port: number;
  readonly controllerPort: number;
}

/** An additional listener that advertises the port of a proxy, which forwards to the listener. */
export interface ProxiedListener {
  /** Upper-case letters. */
  readonly name: string;
  readonly port: number;
  readonly advertisedPort: number;
}

/** Properties of the node as a controller only, without a broker. */
export function controllerProperties({ controllerPort, logs }: KafkaPorts & { readonly logs: string }): string {
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

/** Properties of the node as broker and controller. */
export function serverProperties(
  options: KafkaPorts & { readonly proxied?: readonly ProxiedListener[] | undefined; readonly logs: string },
): string {
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
    // There is one node.
    'default.replication.factor': 1,
    'min.insync.replicas': 1,
    'offsets.topic.replication.factor': 1,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    // Few files, little memory, few threads and a fast start.
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
    // The coordinators read these topics from start to end before they serve: small segments and a short retention of
    // markers leave few records that compaction may not remove.
    'offsets.topic.segment.bytes': 1_048_576,
    'transaction.state.log.segment.bytes': 1_048_576,
    'log.cleaner.delete.retention.ms': 10 * 60_000,
    // Committed offsets must outlive the records, so that a stack that is started after a month continues where it
    // stopped.
    'offsets.retention.minutes': 60 * 24 * 90,
  };
  return propertiesText(properties);
}

function propertiesText(properties: Readonly<Record<string, string | number | boolean>>): string {
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${String(value)}\n`)
    .join('');
}
