/** A record that was sent to a raw topic beside the generator's, and whose verdict is known. */
export interface PlantedRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** What is unusual about it, in a word or two. */
  readonly kind: string;
  /** The reason that its dead letter must have. Undefined: the record must be accepted. */
  readonly reason: string | undefined;
}

/** Acknowledged records that are not the generator's. Each must become exactly one dead letter, or one validated record. */
export class PlantedRecords {
  /** Number of records sent. Those without an acknowledgement may be in their topics or not. */
  sent = 0;
  private readonly byPlace = new Map<string, PlantedRecord>();

  constructor(records: Iterable<PlantedRecord> = []) {
    for (const record of records) this.add(record);
  }

  add(record: PlantedRecord): void {
    this.byPlace.set(placeOf(record.topic, record.partition, record.offset), record);
  }

  find(topic: string, partition: number, offset: number): PlantedRecord | undefined {
    return this.byPlace.get(placeOf(topic, partition, offset));
  }

  all(): IterableIterator<PlantedRecord> {
    return this.byPlace.values();
  }

  get size(): number {
    return this.byPlace.size;
  }

  /** The records at or above these offsets. `sent` of the result is 0: it is not known for a part. */
  since(offsetOf: (topic: string, partition: number) => number): PlantedRecords {
    return new PlantedRecords(
      [...this.all()].filter(({ topic, partition, offset }) => offset >= offsetOf(topic, partition)),
    );
  }
}

const placeOf = (topic: string, partition: number, offset: number): string =>
  `${topic}/${String(partition)}@${String(offset)}`;
