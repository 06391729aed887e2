import { DLQ_HEADERS, MAX_ATTEMPTS, MAX_RECORD_BYTES, partitionFor, TOPICS } from '@orderstream/contracts';
import {
  type HeaderField,
  headerFields,
  headersOf,
  isStorable,
  type KafkaRecord,
  type OutputRecord,
} from '@orderstream/kafka';
import { ContractCheck, type Reason } from '@orderstream/quality';
import { replayHeader, withoutDeadLetterHeaders } from '../headers';
import { type AnyLetter } from '../import/foreign-letter';
import { type DeadLetter, DeadLetterUnreadableError, parseDeadLetter } from '../parse-dead-letter';
import { editRecord, type JsonPatch } from './edit';
import { type ReplayOptions } from './plan';
import { type ReplayTopic } from './replay-topic';

/** Why a letter is not returned: codes of the dry run and of receipts. */
export type NotReturned =
  | 'replay.unreadable'
  | 'replay.erased'
  | 'replay.incomplete'
  | 'replay.duplicate'
  | 'replay.edit_rejected'
  | 'replay.too_large'
  | 'replay.source_unknown'
  | 'replay.source_topic'
  | 'replay.attempts';

/** What a plan does with a letter. */
export type Decision =
  | {
      readonly kind: 'return';
      readonly record: OutputRecord;
      readonly editedFrom?: string;
      readonly editedTo?: string;
    }
  | { readonly kind: 'park'; readonly record: OutputRecord; readonly code: NotReturned; readonly reason: string }
  | { readonly kind: 'reject'; readonly code: NotReturned; readonly reason: string };

export interface DecidingPlan {
  readonly id: string;
  readonly edit?: JsonPatch | undefined;
  readonly options: Pick<ReplayOptions, 'includeDuplicates'>;
  /** Whether a letter is of a customer who was erased. */
  readonly isErased?: ((record: KafkaRecord) => boolean) | undefined;
}

/** Decides what becomes of the letters of a plan. */
export interface RecordDecisions {
  decide(record: KafkaRecord): Decision;
  /** Looks again at what decisions depend on. Called before the first one, and after an error. */
  refresh?(): Promise<void>;
}

/** The order of the letters of a partition: the source offset of the record when it failed for the first time. */
export const originOf = ({ replay, source }: AnyLetter): number => replay?.origin ?? source.offset;

/** The mark of a plan, on the record that it returns. */
export const markOf = (plan: string, letter: AnyLetter): string =>
  replayHeader({
    plan,
    letter: `${String(letter.partition)}/${String(letter.offset)}`,
    origin: originOf(letter),
  });

/** What an edit depends on, beside the value: the same letter has the same one. */
export const identityOf = ({ app, source, attempt }: AnyLetter): string =>
  [app, source.topic, source.partition, source.offset, attempt].join('\n');

/** Headers that a returned record retains, so that the service that rejects it again counts the attempt. */
const RETAINED: readonly string[] = [
  DLQ_HEADERS.sourceTopic,
  DLQ_HEADERS.sourcePartition,
  DLQ_HEADERS.sourceOffset,
  DLQ_HEADERS.sourceTimestamp,
  DLQ_HEADERS.attempt,
  DLQ_HEADERS.firstFailedAt,
];

/**
 * Makes the records that a plan returns from its letters.
 *
 * A letter of the validator returns to the raw topic, into the partition of its key: that is its own, unless it was
 * rejected because it was in another one. A letter of the sink or of the bridge returns to the retry topic, into its own
 * partition, with the coordinates of its source record in `dlq-source-*`. The validator removes every header `dlq-*` from
 * what it accepts.
 */
export class ReturnedRecords implements RecordDecisions {
  private contract: ContractCheck | undefined;
  private readonly maxBytes: number;

  constructor(
    private readonly plan: DecidingPlan,
    private readonly topic: ReplayTopic,
  ) {
    this.maxBytes = TOPICS.find(({ name }) => name === topic.target)?.maxMessageBytes ?? MAX_RECORD_BYTES;
  }

  decide(record: KafkaRecord): Decision {
    let letter: DeadLetter;
    try {
      letter = parseDeadLetter(record);
    } catch (error) {
      if (!(error instanceof DeadLetterUnreadableError)) throw error;
      return { kind: 'reject', code: 'replay.unreadable', reason: error.message };
    }
    const { plan } = this;
    // Before it is parked: that would be a copy with a longer retention.
    if (plan.isErased?.(record) === true) {
      return { kind: 'reject', code: 'replay.erased', reason: 'its customer was erased' };
    }
    if (letter.attempt > MAX_ATTEMPTS) return this.park(record, letter);
    if (letter.needsEdit && plan.edit === undefined) {
      return { kind: 'reject', code: 'replay.incomplete', reason: 'it is not the whole record: it needs an edit' };
    }
    if (letter.batch !== undefined || letter.cut?.key !== undefined) {
      return { kind: 'reject', code: 'replay.incomplete', reason: 'its key is not known' };
    }
    const isDuplicate = letter.reason.startsWith('duplicate.');
    if (isDuplicate && plan.edit === undefined && !plan.options.includeDuplicates) {
      return {
        kind: 'reject',
        code: 'replay.duplicate',
        reason: `${letter.reason} needs an edit or includeDuplicates`,
      };
    }
    const decision: Decision =
      plan.edit === undefined
        ? { kind: 'return', record: this.returned(record, letter, letter.value, letter.headers) }
        : this.edited(record, letter, plan.edit);
    if (decision.kind !== 'return' || isStorable(decision.record, this.maxBytes)) return decision;
    return { kind: 'reject', code: 'replay.too_large', reason: `${decision.record.topic} does not take its size` };
  }

  private edited(record: KafkaRecord, letter: DeadLetter, patch: JsonPatch): Decision {
    const { value, headers } = letter;
    const edit = editRecord({ identity: identityOf(letter), value, headers }, patch, this.topic.family);
    if ('problem' in edit) return { kind: 'reject', code: 'replay.edit_rejected', reason: edit.problem };
    const returned = this.returned(record, letter, edit.value, edit.headers);
    const partition = letter.key === null ? letter.partition : partitionFor(letter.key);
    this.contract ??= new ContractCheck(this.topic.family);
    const problems = this.contract.problemsOf({ ...returned, partition, timestamp: 0, headers: edit.headers });
    if (problems.length > 0) {
      return { kind: 'reject', code: 'replay.edit_rejected', reason: contractReason(problems) };
    }
    return { kind: 'return', record: returned, editedFrom: edit.editedFrom, editedTo: edit.editedTo };
  }

  private returned(
    record: KafkaRecord,
    letter: DeadLetter,
    value: Buffer | null,
    headers: KafkaRecord['headers'],
  ): OutputRecord {
    const { target, app } = this.topic;
    const retained = headerFields(record.headers).filter(([name]) => RETAINED.includes(name));
    const fields: HeaderField[] = [
      ...headerFields(headers),
      ...retained,
      [DLQ_HEADERS.replay, markOf(this.plan.id, letter)],
    ];
    const ofKey = app === 'validator' && letter.key !== null;
    return {
      topic: target,
      partition: ofKey ? partitionFor(letter.key) : letter.partition,
      key: letter.key,
      value,
      headers: headersOf(fields),
    };
  }

  private park(record: KafkaRecord, { attempt, partition, key, value }: DeadLetter): Decision {
    return {
      kind: 'park',
      code: 'replay.attempts',
      reason: `it has failed ${String(attempt)} times`,
      record: { topic: this.topic.parked, partition, key, value, headers: record.headers },
    };
  }
}

/** A replayed record without its headers `dlq-*`, as the rules see it. */
export const asEvaluated = (record: OutputRecord): OutputRecord => ({
  ...record,
  headers: withoutDeadLetterHeaders(record.headers),
});

const describe = ({ code, path, constraint }: Reason): string => [code, path, constraint].filter(Boolean).join(' ');
/** Why the contract rejects an edited record. */
export const contractReason = (problems: readonly Reason[]): string => problems.map(describe).join('; ').slice(0, 500);
