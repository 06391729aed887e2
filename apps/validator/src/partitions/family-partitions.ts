import { type Family, PARTITIONS, rawTopic } from '@orderstream/contracts';
import {
  type BatchOutcome,
  type PartitionHooks,
  partitionName,
  type RecordBatch,
  stop,
  type TopicPartition,
} from '@orderstream/kafka';
import { type Accounting, sumOf } from '@orderstream/quality';
import type { ObservedState } from '../validator-metrics';
import type { Suspension, SuspensionStatus } from './circuit-breaker';
import type { PartitionValidator } from './partition-validator';

/** How long the state of a revoked partition stays in memory, in case a rebalance assigns the partition here again. */
const FORGET_AFTER_MS = 60_000;

/** The partitions of one family that are assigned to this instance, or were until a moment ago. */
export class FamilyPartitions implements PartitionHooks {
  readonly topic: string;
  private readonly validators = new Map<number, PartitionValidator>();
  private readonly forgetTimers = new Map<number, NodeJS.Timeout>();

  constructor(
    readonly family: Family,
    private readonly createValidator: (ref: TopicPartition) => PartitionValidator,
  ) {
    this.topic = rawTopic(family);
  }

  open({ partition }: TopicPartition, signal: AbortSignal): Promise<number | undefined> {
    clearTimeout(this.forgetTimers.get(partition));
    this.forgetTimers.delete(partition);
    let validator = this.validators.get(partition);
    if (validator === undefined) {
      validator = this.createValidator({ topic: this.topic, partition });
      this.validators.set(partition, validator);
    }
    return validator.open(signal);
  }

  /** Nothing is left to drain: `handle` resolves when the batch is committed. */
  drain(): Promise<void> {
    return Promise.resolve();
  }

  async close({ partition }: TopicPartition): Promise<void> {
    const validator = this.validators.get(partition);
    if (validator === undefined) return;
    const timer = setTimeout(() => {
      this.forgetTimers.delete(partition);
      validator.forget();
    }, FORGET_AFTER_MS);
    timer.unref();
    this.forgetTimers.set(partition, timer);
    await validator.close();
  }

  async handle(batch: RecordBatch, signal: AbortSignal): Promise<BatchOutcome> {
    const validator = this.validators.get(batch.partition);
    if (validator === undefined) {
      return stop(
        new TypeError(`${partitionName({ topic: this.topic, partition: batch.partition })} was never opened`),
      );
    }
    return validator.handle(batch, signal);
  }

  /** See `PartitionValidator.forgetCustomers`. */
  async forgetCustomers(partition: number, isMeant: (customerId: string) => boolean): Promise<number | undefined> {
    return this.validators.get(partition)?.forgetCustomers(isMeant);
  }

  /** For the partitions that this instance has, stopped ones included. */
  suspendBreakers(suspension: Suspension): void {
    for (const validator of this.validators.values()) validator.suspendBreaker(suspension);
  }

  breakerSuspension(partition: number): SuspensionStatus | undefined {
    return this.validators.get(partition)?.breakerSuspension;
  }

  /** Those that their circuit breaker has stopped. */
  *tripped(): Generator<TopicPartition> {
    for (const [partition, { hasTripped }] of this.validators) if (hasTripped) yield { topic: this.topic, partition };
  }

  *opened(): Generator<ObservedState> {
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const state = this.validators.get(partition)?.state;
      if (state !== undefined) yield { family: this.family, topic: this.topic, partition, state };
    }
  }

  /** The committed accounts of these partitions since their beginning, those of partitions that open again included. */
  accounting(assigned: Iterable<number>): Accounting {
    const accounts = Array.from(assigned, (partition) => this.validators.get(partition)?.accounting);
    return sumOf(accounts.filter((one) => one !== undefined));
  }
}
