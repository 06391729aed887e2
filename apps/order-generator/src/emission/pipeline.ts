import { type LedgerAck } from '@orderstream/contracts';
import { type OutputRecord, ProduceFailedError, type ProducedRange } from '@orderstream/kafka';
import { type EmissionLedger } from '../ledger/emission-ledger';
import { type Batch } from './batch';

/** The method of RecordProducer that the pipeline uses. */
export interface Sender {
  send(records: readonly OutputRecord[]): Promise<readonly ProducedRange[]>;
}

/**
 * Sends batches in order, up to `maxBatches` at a time. The references of a batch (catalog, customers) are sent while the
 * activities of the batch before are in flight. Its own activities are sent after its references are acknowledged.
 *
 * Failure semantics: no record is sent twice. After the first failure nothing more is sent; the outcome of every submitted
 * record without an acknowledgement is unknown, and `unknownFrom` is the first of them. Continue with another pipeline.
 * Killed at any point: the next start finds the same in the ledger.
 */
export class Pipeline {
  private references: Promise<unknown> = Promise.resolve();
  private activities: Promise<unknown> = Promise.resolve();
  private readonly inFlight = new Map<Batch, Promise<void>>();
  private failure: { readonly cause: unknown; readonly firstSeq: number } | undefined;

  constructor(
    private readonly sender: Sender,
    private readonly ledger: Pick<EmissionLedger, 'acks'>,
    private readonly maxBatches: number,
    private readonly onAcked: (batch: Batch) => void,
  ) {}

  /** The first error of the sender; undefined while there is none. */
  get failureCause(): unknown {
    return this.failure?.cause;
  }

  /** Sequence number of the first record whose outcome is unknown after a failure. */
  get unknownFrom(): number | undefined {
    return this.failure?.firstSeq;
  }

  /** Starts sending the batch. Resolves when another batch may be submitted, or after a failure. */
  async submit(batch: Batch): Promise<void> {
    this.inFlight.set(batch, this.send(batch));
    if (this.inFlight.size >= this.maxBatches) await this.waitForOldest();
  }

  /** Resolves when every batch is acknowledged or has failed. */
  async settled(): Promise<void> {
    while (this.inFlight.size > 0) await this.waitForOldest();
  }

  private async waitForOldest(): Promise<void> {
    for (const done of this.inFlight.values()) {
      await done;
      return;
    }
  }

  private async send(batch: Batch): Promise<void> {
    const acks: LedgerAck[] = [];
    const sendAfter = async (previous: Promise<unknown>, records: readonly OutputRecord[]): Promise<void> => {
      await previous;
      if (this.failure !== undefined || records.length === 0) return;
      try {
        acks.push(...(await this.sender.send(records)));
      } catch (cause) {
        if (cause instanceof ProduceFailedError) acks.push(...cause.acked);
        this.failure ??= { cause, firstSeq: batch.firstSeq };
      }
    };
    const references = sendAfter(this.references, batch.references);
    const activities = sendAfter(Promise.all([references, this.activities]), batch.activities);
    this.references = references;
    this.activities = activities;
    await activities;
    if (acks.length > 0) this.ledger.acks(batch.number, acks);
    this.inFlight.delete(batch);
    const acknowledged = acks.reduce((sum, { count }) => sum + count, 0);
    if (acknowledged === batch.intents.length) this.onAcked(batch);
    else if (this.failure !== undefined) {
      this.failure = { ...this.failure, firstSeq: Math.min(this.failure.firstSeq, batch.firstSeq) };
    }
  }
}
