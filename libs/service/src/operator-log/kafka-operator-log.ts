import { setTimeout as delay } from 'node:timers/promises';
import { AUDIT_TOPIC, SETTINGS_TOPIC, TOPICS } from '@orderstream/contracts';
import {
  createKafka,
  ensureTopics,
  type KafkaConnection,
  type KafkaLogger,
  type KafkaRecord,
  type OutputRecord,
  PartitionTransactions,
  RecordProducer,
  TopicFollower,
  TransactionFailedError,
} from '@orderstream/kafka';
import { type Kafka } from 'kafkajs';
import { OperatorLogError } from './errors';
import { type OperatorLog, type StoredChange, type StoredSetting } from './operator-log';

export type OperatorLogConnection = KafkaConnection & { readonly replication: number };

const GROUP_ID = 'settings';
const PARTITION = 0;
/** An opening takes three times as long at most. */
const TRANSACTION_TIMEOUT_MS = 5_000;
const ATTEMPTS = 5;
const RETRY_MS = 200;
const MAX_REQUEST_BYTES = 1_000_000;
/** A fetch returns with the first record: a long wait only saves requests. */
const MAX_WAIT_MS = 500;

/**
 * Settings and audit in their topics.
 *
 * Failure semantics: a setting and its audit entry are one transaction of the producer `settings`. Opening it fences
 * every other instance; then the topic is read to its end, and only then it is decided whether the change is still
 * allowed. Of two instances that change the same setting at once, one is fenced: it opens again, reads what the other one
 * wrote, and decides again. Killed at any point, either both records are there or neither. After a commit of unknown
 * outcome the topic is read again, and `decide` finds its own record or writes it. Audit entries without a setting are
 * sent by an idempotent producer: stored once, or not at all if the call rejects.
 */
export class KafkaOperatorLog implements OperatorLog {
  private readonly kafka: Kafka;
  private readonly follower: TopicFollower;
  private readonly producer: RecordProducer;
  private onSetting: (setting: StoredSetting) => void = () => undefined;

  constructor(
    private readonly connection: OperatorLogConnection,
    logger: KafkaLogger,
  ) {
    this.kafka = createKafka(connection, logger);
    this.producer = new RecordProducer(this.kafka, { maxRequestBytes: MAX_REQUEST_BYTES });
    this.follower = new TopicFollower(this.kafka, {
      topic: SETTINGS_TOPIC,
      maxWaitMs: MAX_WAIT_MS,
      onBatch: ({ records }) => {
        for (const record of records) this.take(record);
      },
      logger,
    });
  }

  get failed(): Error | undefined {
    return this.follower.failed;
  }

  async follow(onSetting: (setting: StoredSetting) => void): Promise<void> {
    this.onSetting = onSetting;
    const names: readonly string[] = [SETTINGS_TOPIC, AUDIT_TOPIC];
    const specs = TOPICS.filter(({ name }) => names.includes(name));
    await ensureTopics(this.kafka, specs, { replication: this.connection.replication });
    await this.follower.start();
    await this.follower.waitUntilCaughtUp();
  }

  async append(decide: () => StoredChange | undefined, signal: AbortSignal): Promise<void> {
    let last: unknown;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (attempt > 0) await delay(RETRY_MS * (attempt + Math.random()), undefined, { signal });
      try {
        await this.attempt(decide, signal);
        return;
      } catch (error) {
        if (!(error instanceof TransactionFailedError)) throw error;
        last = error;
      }
    }
    throw new OperatorLogError(
      `Writing ${SETTINGS_TOPIC} failed ${String(ATTEMPTS)} times: ${last instanceof Error ? last.message : String(last)}`,
      last,
    );
  }

  async audit(entries: readonly Buffer[]): Promise<void> {
    await this.producer.send(entries.map((value) => recordOf(AUDIT_TOPIC, null, value)));
  }

  async stop(): Promise<void> {
    await Promise.all([this.follower.stop(), this.producer.disconnect()]);
  }

  private async attempt(decide: () => StoredChange | undefined, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const transactions = await this.open();
    try {
      await this.follower.waitUntilCaughtUp();
      signal.throwIfAborted();
      const change = decide();
      if (change === undefined) return;
      const { subject, value, audit } = change;
      const records = [recordOf(SETTINGS_TOPIC, Buffer.from(subject), value), recordOf(AUDIT_TOPIC, null, audit)];
      // The offset has no reader. It is where this writer has read to.
      await transactions.commit({ records, offset: this.follower.nextOffset(PARTITION) });
    } finally {
      await transactions.close();
    }
  }

  private async open(): Promise<PartitionTransactions> {
    try {
      return await PartitionTransactions.open(this.kafka, {
        groupId: GROUP_ID,
        topic: SETTINGS_TOPIC,
        partition: PARTITION,
        transactionTimeoutMs: TRANSACTION_TIMEOUT_MS,
      });
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new OperatorLogError(`The writer of ${SETTINGS_TOPIC} cannot be opened: ${why}`, cause);
    }
  }

  private take({ key, value, offset }: KafkaRecord): void {
    if (key !== null && value !== null) {
      this.onSetting({ subject: key.toString(), value, revision: offset + 1 });
    }
  }
}

const recordOf = (topic: string, key: Buffer | null, value: Buffer): OutputRecord => ({
  topic,
  partition: PARTITION,
  key,
  value,
  headers: {},
});
