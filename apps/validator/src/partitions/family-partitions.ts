import { type Family, PARTITIONS, rawTopic } from '@orderstream/contracts';
import type { BatchOutcome, PartitionHooks, PartitionRef, RecordBatch } from '@orderstream/kafka';
import { type Accounting, sumOf } from '@orderstream/quality';
import type { ObservedState } from '../validator-metrics';
import type { PartitionValidator } from './partition-validator';

/** A partition that does not come back keeps its state that long, for a rebalance that gives it to the same instance. */
const FORGET_AFTER_MS = 60_000;

/** The partitions of one family that this instance has, or had a moment ago. */
export class FamilyPartitions implements PartitionHooks {
  readonly topic: string;
  private readonly validators = new Map<number, PartitionValidator>();
  private readonly forgetting = new Map<number, NodeJS.Timeout>();

  constructor(
    readonly family: Family,
    private readonly create: (ref: PartitionRef) => PartitionValidator,
  ) {
    this.topic = rawTopic(family);
  }

  open({ partition }: PartitionRef, signal: AbortSignal): Promise<number | undefined> {
    clearTimeout(this.forgetting.get(partition));
    this.forgetting.delete(partition);
    let validator = this.validators.get(partition);
    if (validator === undefined) {
      validator = this.create({ topic: this.topic, partition });
      this.validators.set(partition, validator);
    }
    return validator.open(signal);
  }

  /** Nothing is left to settle: a batch's call returns when it is committed. */
  drain(): Promise<void> {
    return Promise.resolve();
  }

  async close({ partition }: PartitionRef): Promise<void> {
    const validator = this.validators.get(partition);
    if (validator === undefined) return;
    const timer = setTimeout(() => {
      this.forgetting.delete(partition);
      validator.forget();
    }, FORGET_AFTER_MS);
    timer.unref();
    this.forgetting.set(partition, timer);
    await validator.close();
  }

  handle(batch: RecordBatch, signal: AbortSignal): Promise<BatchOutcome> {
    const validator = this.validators.get(batch.partition);
    if (validator === undefined) throw new TypeError(`${this.topic}/${String(batch.partition)} was never opened`);
    return validator.handle(batch, signal);
  }

  *opened(): Generator<ObservedState> {
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const state = this.validators.get(partition)?.state;
      if (state !== undefined) yield { family: this.family, topic: this.topic, partition, state };
    }
  }

  /** What became of the records of these partitions since their beginning, as last committed: also of those that reopen. */
  accounting(assigned: Iterable<number>): Accounting {
    const accounts = Array.from(assigned, (partition) => this.validators.get(partition)?.accounting);
    return sumOf(accounts.filter((one) => one !== undefined));
  }
}
