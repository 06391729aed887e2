import { setTimeout as delay } from 'node:timers/promises';
import { type KafkaRecord, type OutputRecord, partitionName } from '@orderstream/kafka';
import { type Logger } from '@orderstream/observability';
import { letterOfMessage, placeOf, type RecordPlace, type RejectedMessage } from './rejected-message';

/** The pull subscription of the dead-letter topic. */
export interface MessageSource {
  /** The messages that are there now, at most 100; undefined while the subscription does not exist. */
  pull(): Promise<RejectedMessage[] | undefined>;
  acknowledge(messages: readonly RejectedMessage[]): Promise<void>;
  close(): Promise<void>;
}

export interface SubscriptionDrainOptions {
  readonly source: MessageSource;
  readonly lookup: { read(places: readonly RecordPlace[], onRecord: (record: KafkaRecord) => void): Promise<void> };
  /** Resolves when Kafka has the letters. */
  readonly send: (letters: OutputRecord[]) => Promise<unknown>;
  readonly onStored: (count: number) => void;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
  readonly intervalMs?: number;
}

export interface DrainState {
  /** Messages that are dead letters in Kafka now. */
  readonly stored: number;
  /** Messages without the coordinates of a record, as often as they were delivered: they stay in Pub/Sub. */
  readonly foreign: number;
  readonly error: string | undefined;
}

const INTERVAL_MS = 5_000;
const MAX_RETRY_MS = 60_000;

/**
 * Moves what the BigQuery subscription rejected from Pub/Sub, which deletes it after its retention, to the dead-letter topic
 * of the bridge, where it is listed, grouped and replayed as every dead letter.
 *
 * Failure semantics: a message is acknowledged when Kafka has its letter. A kill between the two leaves two letters with the
 * same identity (app, source topic, partition, offset, attempt). A message of another program is not acknowledged.
 */
export class SubscriptionDrain {
  private readonly stopping = new AbortController();
  private running: Promise<void> | undefined;
  private stored = 0;
  private foreign = 0;
  private error: string | undefined;

  constructor(private readonly options: SubscriptionDrainOptions) {}

  get state(): DrainState {
    return { stored: this.stored, foreign: this.foreign, error: this.error };
  }

  start(): void {
    this.running ??= this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
    await this.options.source.close();
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    const { intervalMs = INTERVAL_MS, logger } = this.options;
    let retryMs = intervalMs;
    while (!signal.aborted) {
      let pauseMs = intervalMs;
      try {
        if (await this.drainOnce()) pauseMs = 0;
        this.error = undefined;
        retryMs = intervalMs;
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        if (message !== this.error) {
          logger.warn(
            { err: error },
            'moving rejected messages to Kafka failed; it is retried, and they stay in Pub/Sub',
          );
        }
        this.error = message;
        pauseMs = retryMs / 2 + (Math.random() * retryMs) / 2;
        retryMs = Math.min(2 * retryMs, MAX_RETRY_MS);
      }
      if (pauseMs > 0) await delay(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** @returns whether something was moved, so that there may be more */
  async drainOnce(): Promise<boolean> {
    const { source, lookup, send, onStored, logger } = this.options;
    const placed = ((await source.pull()) ?? []).flatMap((message) => {
      const place = placeOf(message);
      if (place !== undefined) return [{ message, place }];
      this.foreign++;
      logger.warn({ messageId: message.messageId }, 'a rejected message is of another program: it stays in Pub/Sub');
      return [];
    });
    if (placed.length === 0) return false;
    const records = new Map<string, KafkaRecord>();
    await lookup.read(
      placed.map(({ place }) => place),
      (record) => records.set(nameOf(record), record),
    );
    const failedAt = new Date();
    await send(
      placed.map(({ message, place }) => letterOfMessage(message, place, records.get(nameOf(place)), failedAt)),
    );
    this.stored += placed.length;
    onStored(placed.length);
    logger.info({ messages: placed.length }, 'rejected messages of the subscription are dead letters now');
    await source.acknowledge(placed.map(({ message }) => message));
    return true;
  }
}

const nameOf = (place: RecordPlace): string => `${partitionName(place)}/${String(place.offset)}`;
