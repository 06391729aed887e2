import { type Family, QUALITY_HEADERS, stateTopic, validatedTopic } from '@orderstream/contracts';
import { buildDeadLetter, type DeadLetterReason } from '@orderstream/dead-letters';
import type { KafkaRecord, OutputRecord, RecordHeaders } from '@orderstream/kafka';
import type { StateRecord, Verdict } from '@orderstream/quality';

/** What a batch was evaluated by, as its records tell it. */
export interface EvaluatedBy {
  /** Version of the settings. */
  readonly settings: Buffer;
  /** Positions of the catalog; undefined where no rule looks at it. */
  readonly catalogPosition: Buffer | undefined;
}

/** Semaphore verdicts into the records of a transaction. Output partition = input partition. */
export class Outputs {
  private readonly validated: string;
  private readonly state: string;

  constructor(family: Family) {
    this.validated = validatedTopic(family);
    this.state = stateTopic(family);
  }

  /** The record for a verdict; undefined for what is not passed on. */
  forVerdict(record: KafkaRecord, verdict: Verdict, evaluatedBy: EvaluatedBy, now: Date): OutputRecord | undefined {
    switch (verdict.kind) {
      case 'accept':
        return this.passOn(record, record.value, verdict.flags, evaluatedBy);
      case 'repair':
        return this.passOn(record, Buffer.from(JSON.stringify(verdict.body)), verdict.flags, evaluatedBy);
      case 'reject':
        return this.deadLetter(record, verdict.reasons, now);
      case 'skip':
      case 'wait':
        return undefined;
    }
  }

  deadLetter(record: KafkaRecord, reasons: readonly DeadLetterReason[], now: Date): OutputRecord {
    return buildDeadLetter(record, { app: 'validator', reasons, failedAt: now });
  }

  forState(partition: number, { key, value }: StateRecord): OutputRecord {
    return {
      topic: this.state,
      partition,
      key: Buffer.from(key),
      value: value === null ? null : Buffer.from(value),
      headers: {},
    };
  }

  private passOn(
    record: KafkaRecord,
    value: Buffer | null,
    flags: readonly string[],
    evaluatedBy: EvaluatedBy,
  ): OutputRecord {
    const headers = onwardHeaders(record.headers);
    headers[QUALITY_HEADERS.settings] = evaluatedBy.settings;
    if (evaluatedBy.catalogPosition !== undefined)
      headers[QUALITY_HEADERS.catalogPosition] = evaluatedBy.catalogPosition;
    if (flags.length > 0) headers[QUALITY_HEADERS.flags] = flags.join(',');
    return {
      topic: this.validated,
      partition: record.partition,
      key: record.key,
      value,
      headers,
      timestamp: record.timestamp,
    };
  }
}

/**
 * The headers that travel on. What speaks of an earlier verdict does not: `dlq-*` of a replayed record, and `quality-*`,
 * which only the validator may say. Without a prototype, so that no name is special.
 */
function onwardHeaders(headers: RecordHeaders): RecordHeaders {
  const onward = Object.create(null) as RecordHeaders;
  for (const name in headers) {
    if (!name.startsWith('dlq-') && !name.startsWith('quality-')) onward[name] = headers[name];
  }
  return onward;
}
