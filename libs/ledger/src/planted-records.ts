import { type ProducedRange } from '@orderstream/kafka';

/** A record that was sent to a raw topic beside the generator's, and whose verdict is known. */
export interface PlantedRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** What is unusual about it, in a word or two. */
  readonly kind: string;
  /** The reason that its dead letter must have. Undefined: the record must be accepted. */
  readonly reason: string | undefined;
  /** Number of the log of its topic, from 0. Default: the present one. */
  readonly log?: number;
  /** An operator has to skip its batch: its only output is the dead letter of the batch. It may be in a validated topic. */
  readonly isPassedOver?: boolean;
}

/**
 * Acknowledged records that are not the generator's. Each must become exactly one dead letter, or one validated record, or be
 * passed over with its batch.
 */
export class PlantedRecords {
  /** Number of records sent to raw topics. Those without an acknowledgement may be in their topics or not. */
  sent = 0;
  private readonly byPlace = new Map<string, PlantedRecord>();
  /** Number of the present log, by topic. */
  private readonly logs = new Map<string, number>();
  private somePassedOver = false;

  constructor(records: Iterable<PlantedRecord> = []) {
    for (const record of records) this.add(record);
  }

  /** The topic is deleted and re-created: offsets begin at 0 again. */
  startLog(topic: string): void {
    this.logs.set(topic, this.logOf(topic) + 1);
  }

  add(record: PlantedRecord): void {
    const { topic, partition, offset, log = this.logOf(topic) } = record;
    this.byPlace.set(placeOf(topic, log, partition, offset), { ...record, log });
    if (record.isPassedOver === true) this.somePassedOver = true;
  }

  /** Adds consecutive records of the present log that are of one kind. */
  addRange(
    { topic, partition, baseOffset, count }: ProducedRange,
    common: Pick<PlantedRecord, 'kind' | 'reason' | 'isPassedOver'>,
  ): void {
    for (let offset = baseOffset; offset < baseOffset + count; offset++) {
      this.add({ topic, partition, offset, ...common });
    }
  }

  find(topic: string, log: number, partition: number, offset: number): PlantedRecord | undefined {
    return this.byPlace.get(placeOf(topic, log, partition, offset));
  }

  all(): IterableIterator<PlantedRecord> {
    return this.byPlace.values();
  }

  /** Whether an operator has to skip the batch of at least one of them. */
  get hasPassedOver(): boolean {
    return this.somePassedOver;
  }

  get size(): number {
    return this.byPlace.size;
  }

  /** The records at or above these places. `sent` of the result is 0: it is not known for a part. */
  since(
    startOf: (topic: string, partition: number) => { readonly log: number; readonly offset: number },
  ): PlantedRecords {
    return new PlantedRecords(
      [...this.all()].filter(({ topic, partition, offset, log = 0 }) => {
        const start = startOf(topic, partition);
        return log > start.log || (log === start.log && offset >= start.offset);
      }),
    );
  }

  private logOf(topic: string): number {
    return this.logs.get(topic) ?? 0;
  }
}

export const describePlanted = ({ topic, partition, offset, kind }: PlantedRecord): string =>
  `${topic}/${String(partition)}@${String(offset)} (planted, ${kind})`;

const placeOf = (topic: string, log: number, partition: number, offset: number): string =>
  `${topic}#${String(log)}/${String(partition)}@${String(offset)}`;
