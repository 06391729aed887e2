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
/** The subscription is asked again so long after it gave nothing, and counts as empty when that was so often. */
const EMPTY_PULL_GAP_MS = 100;
const EMPTY_PULLS = 3;

/**
 * Does on this machine what Pub/Sub does for a BigQuery subscription, which no emulator delivers: pulls, writes rows by
 * the table's schema with metadata columns, acknowledges what is written and rejects what is no row of the table.
 * Never part of a deployment.
 *
 * Failure semantics: at least once. A message is acknowledged after its row is durable; killed in between, it is
 * delivered and written again. While BigQuery or Pub/Sub does not answer, the batch is kept and tried again.
 * Which table it is, is read once, when the subscription first shows. Nothing is created here: a topic that came into being here, before its subscription, would lose what is published to it.
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

  constructor(
    @Inject(SETTINGS) private readonly settings: SubscriptionEmulatorSettings,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(HEALTH) health: Health,
  ) {
    this.subscription = new PulledSubscription(settings.pubsub, settings.pubsub.subscription);
    health.live('subscription', () => ({ ok: this.state !== 'ended', detail: this.state }));
    // Waiting for a subscription that is to be created is being ready: there is nothing to deliver.
    health.ready('subscription', () => ({ ok: this.running !== undefined && !this.paused, detail: this.state }));
  }

  start(): void {
    this.running = this.run().finally(() => {
      this.state = 'ended';
    });
  }

  status(): object {
    const { state, rowsWritten, rejected, redelivered } = this;
    return { subscription: this.subscription.name, state, rowsWritten, rejected, redelivered };
  }

  pause(): Promise<void> {
    this.paused = true;
    return Promise.resolve();
  }

  resume(): Promise<void> {
    this.paused = false;
    return Promise.resolve();
  }

  /** Delivers what is left in the subscription, then lets go. The deadline is the service's. */
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
      // One batch is written while the next one is pulled; no more than that.
      await writing;
      if (batch === undefined || this.writer === undefined) return;
      writing = this.settle(batch, this.writer);
    }
  }

  /** Undefined when this is stopping and the subscription is empty, or is not there. */
  private async nextBatch(): Promise<PulledMessage[] | undefined> {
    let empty = 0;
    for (;;) {
      if (this.paused && !this.stopping) {
        this.state = 'paused';
        await delay(EMPTY_PULL_GAP_MS);
        continue;
      }
      try {
        if (this.writer === undefined && !(await this.findTable())) {
          if (this.stopping) return undefined;
          await delay(BACKOFF_MS);
          continue;
        }
        const batch = await this.pullBatch();
        this.state = this.stopping ? 'draining' : 'delivering';
        if (batch.length > 0) return batch;
        if (this.stopping && ++empty === EMPTY_PULLS) return undefined;
        await delay(EMPTY_PULL_GAP_MS);
      } catch (error) {
        if (this.stopping && ++empty === EMPTY_PULLS) return undefined;
        const isGone = grpcStatus(error) === status.NOT_FOUND;
        this.waitFor(isGone ? 'the subscription' : 'Pub/Sub', error);
        await delay(BACKOFF_MS);
      }
    }
  }

  /** Logs once what is waited for, not at each attempt. */
  private waitFor(what: string, error: unknown): void {
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

  /** Keeps at it until BigQuery has answered for each message. */
  private async settle(batch: readonly PulledMessage[], writer: TableWriter): Promise<void> {
    this.redelivered += batch.filter(({ deliveryAttempt }) => deliveryAttempt > 1).length;
    for (;;) {
      try {
        const { written, rejected } = await writer.write(batch);
        this.rowsWritten += written.length;
        this.rejected += rejected.length;
        if (rejected.length > 0) this.logger.warn({ messages: rejected.length }, 'rejected: no rows of the table');
        await this.answer(written, rejected);
        return;
      } catch (error) {
        this.waitFor('BigQuery', error);
        await delay(BACKOFF_MS);
      }
    }
  }

  /** An answer that is lost costs a delivery, and a row written twice. */
  private async answer(written: readonly PulledMessage[], rejected: readonly PulledMessage[]): Promise<void> {
    try {
      await Promise.all([this.subscription.acknowledge(written), this.subscription.reject(rejected)]);
    } catch (error) {
      this.logger.warn({ err: error }, 'cannot acknowledge: the messages will be delivered again');
    }
  }
}
