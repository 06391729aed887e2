import type { PartitionHooks, RecordBatch, TopicPartition } from '../src';
import { valueOf } from './broker';

/** Stores what a handler took, and opens at the offset after it, as a durable store does. */
export class Store implements PartitionHooks {
  private readonly taken = new Map<number, { values: string[]; next: number }>();
  openings = 0;

  open({ partition }: TopicPartition): Promise<number> {
    this.openings++;
    return Promise.resolve(this.of(partition).next);
  }
  drain = (): Promise<void> => Promise.resolve();
  close = (): Promise<void> => Promise.resolve();
  firstUnsettledOffset({ partition }: TopicPartition): number {
    return this.of(partition).next;
  }

  take(batch: RecordBatch): void {
    const store = this.of(batch.partition);
    for (const record of batch.records) {
      if (record.offset < store.next) throw new RangeError(`offset ${record.offset.toString()} was taken before`);
      store.values.push(valueOf(record).trim());
      store.next = record.offset + 1;
    }
  }
  values(partition: number): string[] {
    return this.of(partition).values;
  }
  count(partition?: number): number {
    return [...this.taken]
      .filter(([p]) => partition === undefined || p === partition)
      .reduce((n, [, s]) => n + s.values.length, 0);
  }
  private of(partition: number): { values: string[]; next: number } {
    let store = this.taken.get(partition);
    if (store === undefined) this.taken.set(partition, (store = { values: [], next: 0 }));
    return store;
  }
}
