/** A record that was put into a raw topic beside the ledger, and that the validator has to reject. */
export interface PlantedRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** What is wrong with it, in a word or two. */
  readonly kind: string;
  /** The reason that its dead letter has to name. */
  readonly reason: string;
}

/**
 * Records that were acknowledged by the broker and are not the generator's. Each must become exactly one dead letter of the
 * validator, for its reason, and nothing else.
 */
export class PlantedRecords {
  /** Records that were sent; those that the broker did not acknowledge lie somewhere in their topics, or nowhere. */
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

  /** Those at or behind these positions, by topic and partition; `sent` is not known of a part. */
  since(positionOf: (topic: string, partition: number) => number): PlantedRecords {
    return new PlantedRecords(
      [...this.all()].filter(({ topic, partition, offset }) => offset >= positionOf(topic, partition)),
    );
  }
}

const placeOf = (topic: string, partition: number, offset: number): string =>
  `${topic}/${String(partition)}@${String(offset)}`;
