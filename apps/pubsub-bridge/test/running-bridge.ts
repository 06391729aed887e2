import { createBigQuery } from '@orderstream/bigquery';
import { loadSettings } from '@orderstream/config';
import { createKafka, type KafkaBatchServer, type RecordBatch } from '@orderstream/kafka';
import { createLogger, Health, Metrics, NO_TRACING } from '@orderstream/observability';
import { connectPubSub } from '@orderstream/pubsub';

import { type BridgeSource, validatedOrders } from '../src/bridge-source';
import { pubsubBridgeSettings } from '../src/pubsub-bridge.config';
import { PubSubBridgeService, TRANSPORT_ID } from '../src/pubsub-bridge.service';

const env = (name: string): string => process.env[name] ?? '';

/** A bridge with topics, subscriptions and tables of its own. */
export class RunningBridge {
  readonly health = new Health();
  readonly metrics = new Metrics({ app: 'pubsub-bridge', processMetrics: false });
  readonly lines: Record<string, unknown>[] = [];
  readonly service: PubSubBridgeService;
  private server: KafkaBatchServer | undefined;

  constructor(
    readonly settings: ReturnType<typeof bridgeSettings>,
    readonly source: BridgeSource,
  ) {
    const destination = { write: (text: string) => this.lines.push(JSON.parse(text) as Record<string, unknown>) };
    this.service = new PubSubBridgeService(
      settings,
      createLogger({ service: 'pubsub-bridge', level: 'info', destination }),
      this.metrics,
      NO_TRACING,
      this.health,
      source,
    );
  }

  async start(): Promise<void> {
    const { service, source } = this;
    await service.prepare();
    const server = service.createServer();
    this.server = server;
    for (const { name } of [source.validated, source.retry]) {
      server.addHandler(name, (batch: RecordBatch) => service.partitions.take(batch, batch), true, {
        transport: TRANSPORT_ID,
      });
    }
    await new Promise<void>((resolve, reject) => {
      server.listen((error) => {
        if (error === undefined) resolve();
        else reject(error instanceof Error ? error : new Error(JSON.stringify(error)));
      });
    });
  }

  get status(): BridgeStatus {
    return this.service.status() as BridgeStatus;
  }

  async stop(): Promise<void> {
    await this.server?.close();
    await this.service.onApplicationShutdown();
  }

  /** Deletes everything that the bridge has created. */
  async delete(): Promise<void> {
    const { pubsub: names, publish, bigquery } = this.settings;
    const pubsub = connectPubSub({ ...names, emulatorHost: env('TEST_PUBSUB_EMULATOR_HOST') });
    await Promise.allSettled([
      pubsub.subscription(names.subscription).delete(),
      pubsub.subscription(`${publish.deadLetterTopic}-console`).delete(),
      pubsub.topic(names.topic).delete(),
      pubsub.topic(publish.deadLetterTopic).delete(),
    ]);
    await pubsub.close();
    await createBigQuery(bigquery).dataset(bigquery.dataset).delete({ force: true });
    const admin = createKafka(this.settings.kafka).admin();
    await admin.connect();
    const { validated, retry, deadLetters, parked } = this.source;
    await admin.deleteTopics({ topics: [validated, retry, deadLetters, parked].map(({ name: topic }) => topic) });
    await admin.deleteGroups([this.source.groupId]).catch(() => undefined);
    await admin.disconnect();
  }
}

export interface BridgeStatus {
  readonly published: number;
  readonly deadLettered: number;
  readonly unacknowledged: number;
  readonly subscription: {
    readonly state: string;
    readonly gaps: readonly {
      readonly from: string;
      readonly to: string;
      readonly partitions: readonly {
        readonly partition: number;
        readonly fromOffset: number;
        readonly toOffset: number;
        readonly rewind: { readonly partition: number; readonly offset: number };
      }[];
    }[];
  };
  readonly partitions: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly state: string;
    readonly error?: string;
  }[];
}

export const bridgeSettings = (name: string, emulatorHost: string) =>
  loadSettings(pubsubBridgeSettings, {
    KAFKA_BROKERS: env('TEST_KAFKA_BROKERS'),
    PUBSUB_PROJECT: env('TEST_BIGQUERY_PROJECT'),
    PUBSUB_EMULATOR_HOST: emulatorHost,
    PUBSUB_TOPIC: `topic-${name}`,
    PUBSUB_SUBSCRIPTION: `subscription-${name}`,
    PUBSUB_DEAD_LETTER_TOPIC: `dead-${name}`,
    PUBSUB_COMMIT_INTERVAL_MS: '100',
    PUBSUB_CHECK_INTERVAL_MS: '2000',
    BIGQUERY_PROJECT: env('TEST_BIGQUERY_PROJECT'),
    BIGQUERY_DATASET: name.replaceAll('-', '_'),
    BIGQUERY_API_ENDPOINT: env('TEST_BIGQUERY_API_ENDPOINT'),
    BIGQUERY_GRPC_ENDPOINT: env('TEST_BIGQUERY_GRPC_ENDPOINT'),
  });

export function bridgeSource(name: string): BridgeSource {
  const standard = validatedOrders();
  return {
    groupId: `bridge-${name}`,
    validated: { ...standard.validated, name: `bridge-${name}` },
    retry: { ...standard.retry, name: `bridge-${name}.retry.pubsub-bridge` },
    deadLetters: { ...standard.deadLetters, name: `bridge-${name}.dlq.pubsub-bridge` },
    parked: { ...standard.parked, name: `bridge-${name}.dlq.pubsub-bridge.parked` },
  };
}
