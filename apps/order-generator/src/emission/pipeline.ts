import { type Compression, type OutputRecord } from '@orderstream/kafka';
import { type Batch } from './batch';

/** The method of RecordProducer that the pipeline uses. */
export interface Sender {
  send(records: readonly OutputRecord[], compression?: Compression): Promise<unknown>;
}

/**
 * Sends batches in order, up to `maxBatches` at a time. The references of a batch (catalog, customers) are sent while the
 * activities of the batch before are in flight. Its own activities are sent after its references are acknowledged.
 *
 * Failure semantics: after the first failure nothing more is sent, and no further batch is acknowledged. Records of the
 * batches in flight may be in the topics or not. Continue with another pipeline, from the first batch that `onAcked` was
 * not called with.
 */
export class Pipeline {
  private references: Promise<void> = Promise.resolve();
  private activities: Promise<void> = Promise.resolve();
  private readonly inFlight = new Set<Promise<void>>();
  private failure: { readonly cause: unknown } | undefined;

  constructor(
    private readonly sender: Sender,
    private readonly maxBatches: number,
    /** Called with each batch that is acknowledged as a whole, in order. */
    private readonly onAcked: (batch: Batch) => void,
  ) {}

  hasFailed(): boolean {
    return this.failure !== undefined;
  }

  /** The first error of the sender. */
  get failureCause(): unknown {
    return this.failure?.cause;
  }

  /** Starts sending the batch. Resolves when another batch may be submitted, or after a failure. */
  async submit(batch: Batch): Promise<void> {
    const sent: Promise<void> = this.send(batch).finally(() => this.inFlight.delete(sent));
    this.inFlight.add(sent);
    while (this.inFlight.size >= this.maxBatches) await this.oldest();
  }

  /** Resolves when every batch is acknowledged or has failed. */
  async settled(): Promise<void> {
    while (this.inFlight.size > 0) await this.oldest();
  }

  private async oldest(): Promise<void> {
    for (const sent of this.inFlight) {
      await sent;
      return;
    }
  }

  private async send(batch: Batch): Promise<void> {
    const references = this.sendAfter(this.references, batch.references, batch.compression);
    const activities = this.sendAfter(Promise.all([references, this.activities]), batch.activities, batch.compression);
    this.references = references;
    this.activities = activities;
    await activities;
    if (this.failure === undefined) this.onAcked(batch);
  }

  private async sendAfter(
    previous: Promise<unknown>,
    records: readonly OutputRecord[],
    compression: Compression | undefined,
  ): Promise<void> {
    await previous;
    if (this.failure !== undefined || records.length === 0) return;
    try {
      await this.sender.send(records, compression);
    } catch (cause) {
      this.failure ??= { cause };
    }
  }
}
