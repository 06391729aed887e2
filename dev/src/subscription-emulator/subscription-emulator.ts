import { setTimeout as delay } from 'node:timers/promises';

import { status } from '@grpc/grpc-js';
import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { HEALTH, LOGGER, type ServiceControl, SETTINGS } from '@orderstream/service';
import { type Health, type Logger } from '@orderstream/observability';
import { grpcStatus } from '@orderstream/pubsub';

import { type PulledMessage, PulledSubscription } from './pulled-subscription';
import { type SubscriptionEmulatorSettings } from './subscription-emulator.config';
import { TableWriter } from './table-writer';

const MAX_BATCH_ROWS = 1_000;
const BACKOFF_MS = 500;
/** Pause after an empty pull. */
const EMPTY_PULL_PAUSE_MS = 100;
/** A drain ends after this many empty pulls in a row. */
const EMPTY_PULLS = 3;

/**
 * Emulates the delivery of a BigQuery subscription, which Google's Pub/Sub emulator does not have: pulls messages,
 * writes rows with metadata columns by the schema of the table, acknowledges written messages, and negatively
 * acknowledges messages that are not rows of the table. It is for the local stack only.
 *
 * Failure semantics: at least once. A message is acknowledged after its row is durable. If the emulator is killed in
 * between, the message is delivered and written again. While BigQuery or Pub/Sub does not answer, the batch is retried.
 * The emulator reads the target table once, when the subscription exists. It creates nothing: a topic without its
 * subscription loses the messages that are published to it.
 */
@Injectable()
export class SubscriptionEmulator implements ServiceControl, OnModuleDestroy {
  private readonly subscription: PulledSubscription;
  private writer: TableWriter | undefined;
  private running: Promise<void> | undefined;
  private stopping = false;
  private paused = false;
  private state = 'starting';
  private rowsWritten = 0;
  private rejected = 0;
  private redelivered = 0;
  private isWriting = false;
  private emptyPulls = 0;

  constructor(
    @Inject(SETTINGS) private readonly settings: SubscriptionEmulatorSettings,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(HEALTH) health: Health,
  ) {
    this.subscription = new PulledSubscription(settings.pubsub, settings.pubsub.subscription);
    health.live('subscription', () => ({ ok: this.state !== 'ended', detail: this.state }));
    // Ready also while the subscription does not exist: there is nothing to deliver.
    health.ready('subscription', () => ({ ok: this.running !== undefined && !this.paused, detail: this.state }));
  }

  start(): void {
    this.running = this.run().finally(() => {
      this.state = 'ended';
    });
  }

  /**
   * `emptyPulls`: pulls in a row that returned nothing while no message was being written. A subscription that does not
   * exist is empty.
   */
  status(): object {
    const { state, rowsWritten, rejected, redelivered, emptyPulls } = this;
    return { subscription: this.subscription.name, state, rowsWritten, rejected, redelivered, emptyPulls };
  }

  pause(): Promise<void> {
    this.paused = true;
    return Promise.resolve();
  }

  resume(): Promise<void> {
    this.paused = false;
    return Promise.resolve();
  }

  /** Drains the subscription and closes the connections. The service limits the time. */
  async onModuleDestroy(): Promise<void> {
    this.stopping = true;
    await this.running;
    await this.writer?.close();
    await this.subscription.close();
  }

  private async run(): Promise<void> {
    let writing: Promise<void> = Promise.resolve();
    for (;;) {
      const batch = await this.nextBatch();
      // One batch is written while the next one is pulled.
      await writing;
      if (batch === undefined || this.writer === undefined) return;
      writing = this.deliver(batch, this.writer);
    }
  }

  /** Undefined while stopping, when the subscription is empty or does not exist. */
  private async nextBatch(): Promise<PulledMessage[] | undefined> {
    let empty = 0;
    for (;;) {
      if (this.paused && !this.stopping) {
        this.state = 'paused';
        await delay(EMPTY_PULL_PAUSE_MS);
        continue;
      }
      try {
        if (this.writer === undefined && !(await this.findTable())) {
          if (this.stopping) return undefined;
          this.pulledNothing();
          await delay(BACKOFF_MS);
          continue;
        }
        const batch = await this.pullBatch();
        this.state = this.stopping ? 'draining' : 'delivering';
        if (batch.length > 0) {
          this.emptyPulls = 0;
          return batch;
        }
        this.pulledNothing();
        if (this.stopping && ++empty === EMPTY_PULLS) return undefined;
        await delay(EMPTY_PULL_PAUSE_MS);
      } catch (error) {
        if (this.stopping && ++empty === EMPTY_PULLS) return undefined;
        const isDeleted = grpcStatus(error) === status.NOT_FOUND;
        if (isDeleted) this.pulledNothing();
        else this.emptyPulls = 0;
        this.reportWait(isDeleted ? 'the subscription' : 'Pub/Sub', error);
        await delay(BACKOFF_MS);
      }
    }
  }

  private pulledNothing(): void {
    this.emptyPulls = this.isWriting ? 0 : this.emptyPulls + 1;
  }

  /** Sets the state, and logs the error once per wait, not at each attempt. */
  private reportWait(what: string, error: unknown): void {
    const state = `waiting for ${what}`;
    if (this.state !== state) this.logger.warn({ err: error }, state);
    this.state = state;
  }

  private async findTable(): Promise<boolean> {
    const target = await this.subscription.target();
    if (target === undefined) {
      this.state = 'waiting for the subscription';
      return false;
    }
    this.writer = new TableWriter(this.settings.bigquery, target, this.subscription.name);
    this.logger.info({ subscription: this.subscription.name, target }, 'delivering');
    return true;
  }

  private async pullBatch(): Promise<PulledMessage[]> {
    const batch = await this.subscription.pull();
    while (batch.length > 0 && batch.length < MAX_BATCH_ROWS) {
      const more = await this.subscription.pull();
      if (more.length === 0) break;
      batch.push(...more);
    }
    return batch;
  }

  /** Writes and acknowledges a batch. Retries until BigQuery has answered for each message. */
  private async deliver(batch: readonly PulledMessage[], writer: TableWriter): Promise<void> {
    this.redelivered += batch.filter(({ deliveryAttempt }) => deliveryAttempt > 1).length;
    this.isWriting = true;
    for (;;) {
      try {
        const { written, rejected } = await writer.write(batch);
        this.rowsWritten += written.length;
        this.rejected += rejected.length;
        if (rejected.length > 0) {
          this.logger.warn({ messages: rejected.length }, 'messages rejected: they are not rows of the table');
        }
        await this.acknowledge(written, rejected);
        this.isWriting = false;
        return;
      } catch (error) {
        this.reportWait('BigQuery', error);
        await delay(BACKOFF_MS);
      }
    }
  }

  /** If this fails, the messages are delivered and written again. */
  private async acknowledge(written: readonly PulledMessage[], rejected: readonly PulledMessage[]): Promise<void> {
    try {
      await Promise.all([this.subscription.acknowledge(written), this.subscription.nack(rejected)]);
    } catch (error) {
      this.logger.warn({ err: error }, 'the acknowledgment failed; the messages will be delivered again');
    }
  }
}
