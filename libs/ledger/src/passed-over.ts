import { validatedTopic } from '@orderstream/contracts';
import { type Differences } from './differences';
import { type PartitionEvidence } from './evidence';
import { describePlanted, type PlantedRecord, type PlantedRecords } from './planted-records';

/** One partition of a raw or a validated topic. */
interface Log {
  readonly topic: string;
  readonly log: number;
  readonly partition: number;
  readonly offsets: readonly number[];
}

/**
 * Separates the records that an operator had to skip with their batch. Each must be in exactly one dead letter of a batch,
 * which has no other records. In the rest of the comparison they do not exist: any other output of theirs is unexplained.
 */
export class PassedOverComparison {
  /** Planted records that were found in their topics. */
  private readonly found = new Set<PlantedRecord>();
  /** Records that were passed over as they must be; those of raw topics. */
  records = 0;
  rawRecords = 0;

  constructor(
    private readonly differences: Differences,
    private readonly planted: PlantedRecords,
  ) {}

  has(record: PlantedRecord): boolean {
    return this.found.has(record);
  }

  /** @returns the evidence without these records */
  separate(evidence: PartitionEvidence): PartitionEvidence {
    if (evidence.skippedBatches.length === 0 && !this.planted.hasPassedOver) return evidence;
    const { family, rawTopic, log, partition, raw, validated } = evidence;
    const offsetsOf = (records: readonly { readonly offset: number }[]): number[] =>
      records.map(({ offset }) => offset);
    const ofRaw = this.compare({ topic: rawTopic, log, partition, offsets: offsetsOf(raw) }, evidence);
    const topic = validatedTopic(family);
    const ofValidated = this.compare({ topic, log: 0, partition, offsets: offsetsOf(validated) }, evidence);
    this.rawRecords += ofRaw.skipped;
    this.records += ofRaw.skipped + ofValidated.skipped;
    return {
      ...evidence,
      raw: raw.filter(({ offset }) => !ofRaw.offsets.has(offset)),
      validated: validated.filter(({ offset }) => !ofValidated.offsets.has(offset)),
    };
  }

  private compare(
    { topic, log, partition, offsets }: Log,
    { skippedBatches }: Pick<PartitionEvidence, 'skippedBatches'>,
  ): { readonly offsets: ReadonlyMap<number, PlantedRecord>; readonly skipped: number } {
    const wanted = new Map<number, PlantedRecord>();
    for (const offset of offsets) {
      const record = this.planted.find(topic, log, partition, offset);
      if (record?.isPassedOver !== true) continue;
      this.found.add(record);
      wanted.set(offset, record);
    }
    const waiting = new Map(wanted);
    for (const { firstOffset, lastOffset, records } of skippedBatches.filter((batch) => batch.topic === topic)) {
      const at = `the dead letter of the batch at ${topic}/${String(partition)}@${String(firstOffset)}`;
      const within = offsets.filter((offset) => offset >= firstOffset && offset <= lastOffset);
      const own = within.filter((offset) => wanted.has(offset));
      if (within.length !== records || own.length !== records) {
        this.differences.add(
          'unexplained',
          `${at} has ${String(records)} records up to ${String(lastOffset)}, where the log has ${String(within.length)}, and ${String(own.length)} had to be passed over`,
        );
      }
      const again = own.filter((offset) => !waiting.delete(offset)).length;
      if (again > 0) this.differences.add('duplicated', `${at} is there again`, again);
    }
    for (const record of waiting.values()) {
      this.differences.add('missing', `${describePlanted(record)} is in no dead letter of a batch`);
    }
    return { offsets: wanted, skipped: wanted.size - waiting.size };
  }
}
