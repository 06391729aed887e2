import { type Family, QUALITY_HEADERS, validatedTopic } from '@orderstream/contracts';
import { buildDeadLetter } from '@orderstream/dead-letters';
import { type HeaderField, type KafkaRecord, type OutputRecord, selectHeaders } from '@orderstream/kafka';
import type { Verdict } from '@orderstream/quality';

/** What a batch was evaluated by, for the headers of its validated records. */
export interface EvaluatedBy {
  /** Version of the settings. */
  readonly settings: Buffer;
  /** Raw offsets of the catalog's partitions; undefined for a family whose rules do not read the catalog. */
  readonly catalogPosition: Buffer | undefined;
}

/** Builds the records of a transaction. The output partition is the input partition. */
export class Outputs {
  private readonly validated: string;

  constructor(family: Family) {
    this.validated = validatedTopic(family);
  }

  /** The validated record or dead letter of a verdict; undefined for a record that is skipped or waits. */
  forVerdict(record: KafkaRecord, verdict: Verdict, evaluatedBy: EvaluatedBy, now: Date): OutputRecord | undefined {
    switch (verdict.kind) {
      case 'accept':
        return this.validatedRecord(record, record.value, verdict.flags, evaluatedBy);
      case 'repair':
        return this.validatedRecord(record, Buffer.from(JSON.stringify(verdict.body)), verdict.flags, evaluatedBy);
      case 'reject':
        return buildDeadLetter(record, { app: 'validator', reasons: verdict.reasons, failedAt: now });
      case 'skip':
      case 'wait':
        return undefined;
    }
  }

  private validatedRecord(
    record: KafkaRecord,
    value: Buffer | null,
    flags: readonly string[],
    evaluatedBy: EvaluatedBy,
  ): OutputRecord {
    const added: HeaderField[] = [[QUALITY_HEADERS.settings, evaluatedBy.settings]];
    if (evaluatedBy.catalogPosition !== undefined)
      added.push([QUALITY_HEADERS.catalogPosition, evaluatedBy.catalogPosition]);
    if (flags.length > 0) added.push([QUALITY_HEADERS.flags, flags.join(',')]);
    return {
      topic: this.validated,
      partition: record.partition,
      key: record.key,
      value,
      headers: selectHeaders(record.headers, isOnward, added),
      timestamp: record.timestamp,
    };
  }
}

/**
 * The headers of the validated record are all but those of an earlier verdict: `dlq-*` of a replayed record, and
 * `quality-*`, which only the validator may set.
 */
const isOnward = (name: string): boolean => !name.startsWith('dlq-') && !name.startsWith('quality-');
