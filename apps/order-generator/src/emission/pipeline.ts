import { type LedgerAck } from '@orderstream/contracts';
import { type OutputRecord, ProduceFailedError, type ProducedRange } from '@orderstream/kafka';
import { type Story } from '../ledger/story';
import { type Batch } from './batch';

/** The part of a RecordProducer that is needed. */
export interface Sender {
  send(records: readonly OutputRecord[]): Promise<readonly ProducedRange[]>;
}

/**
 * Sends batches in order, a few at a time: a batch's references (catalog, customers) go out while the activities of the
 * batch before are still under way, its own activities only after its references are acknowledged.
 *
 * Failure semantics: nothing is ever sent a second time. After the first failure nothing more is sent at all; what was
 * acknowledged until then is in the log, every other record that was submitted may have arrived or not. `firstDoubt` says
 * from where; begin anew with another pipeline. Killed at any point: the same, read from the log.
 */
export class Pipeline {
  private references: Promise<unknown> = Promise.resolve();
  private activities: Promise<unknown> = Promise.resolve();
  private readonly underWay = new Map<Batch, Promise<void>>();
  private failure: { readonly cause: unknown; readonly firstSeq: number } | undefined;

  constructor(
    private readonly sender: Sender,
    private readonly log: Pick<Story, 'acks'>,
    private readonly maxBatches: number,
    private readonly onAcked: (batch: Batch) => void,
  ) {}

  get failed(): unknown {
    return this.failure?.cause;
  }

  /** Sequence number of the first record that is in doubt after a failure. */
  get firstDoubt(): number | undefined {
    return this.failure?.firstSeq;
  }

  /** Records that were submitted and not acknowledged. */
  get unacknowledged(): number {
    let records = 0;
    for (const batch of this.underWay.keys()) records += batch.intents.length;
    return records;
  }

  /** Takes the batch over. Resolves when there is room for another, or after a failure. */
  async submit(batch: Batch): Promise<void> {
    this.underWay.set(batch, this.send(batch));
    if (this.underWay.size >= this.maxBatches) await this.oldest();
  }

  /** Resolves when everything is acknowledged, or nothing more will be. */
  async settled(): Promise<void> {
    while (this.underWay.size > 0) await this.oldest();
  }

  private async oldest(): Promise<void> {
    for (const done of this.underWay.values()) {
      await done;
      return;
    }
  }

  private async send(batch: Batch): Promise<void> {
    const acks: LedgerAck[] = [];
    const part = async (records: readonly OutputRecord[], turn: Promise<unknown>): Promise<void> => {
      await turn;
      if (this.failure !== undefined || records.length === 0) return;
      try {
        acks.push(...(await this.sender.send(records)));
      } catch (cause) {
        if (cause instanceof ProduceFailedError) acks.push(...cause.acked);
        this.failure ??= { cause, firstSeq: batch.firstSeq };
      }
    };
    const references = part(batch.references, this.references);
    const activities = part(batch.activities, Promise.all([references, this.activities]));
    this.references = references;
    this.activities = activities;
    await activities;
    if (acks.length > 0) this.log.acks(batch.number, acks);
    this.underWay.delete(batch);
    const acknowledged = acks.reduce((sum, { count }) => sum + count, 0);
    if (acknowledged === batch.intents.length) this.onAcked(batch);
    else if (this.failure !== undefined) {
      this.failure = { ...this.failure, firstSeq: Math.min(this.failure.firstSeq, batch.firstSeq) };
    }
  }
}
