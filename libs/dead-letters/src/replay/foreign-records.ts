import { DLQ_HEADERS, MAX_ATTEMPTS, partitionFor } from '@orderstream/contracts';
import {
  type HeaderField,
  headerFields,
  headersOf,
  isStorable,
  type KafkaRecord,
  type OutputRecord,
  type RecordHeaders,
  type TopicLimits,
} from '@orderstream/kafka';
import { ContractCheck } from '@orderstream/quality';
import { type AnyLetter, hasSource, parseForeignLetter } from '../import/foreign-letter';
import { editForeignRecord, editRecord, type JsonPatch } from './edit';
import {
  contractReason,
  type DecidingPlan,
  type Decision,
  identityOf,
  markOf,
  type RecordDecisions,
} from './returned-records';
import { familyOfRaw, type SourceTopics } from './source-topics';

/**
 * Makes the records that a plan returns from the dead letters of another program.
 *
 * A letter returns to the topic that its own headers name, into its own partition, so that the order within a key stays. If
 * the topic does not have this partition any more, the key decides, as for a producer. A raw topic of this system gets each
 * record in the partition of its key: the validator takes it in no other.
 *
 * The record is that of the letter, without what the other program has added. `dlq-replay`, `dlq-attempt` and
 * `dlq-first-failed-at` are added: both programs keep the headers of a record, so that a letter says when it came back.
 */
export class ForeignRecords implements RecordDecisions {
  private readonly contracts = new Map<string, ContractCheck>();

  constructor(
    private readonly plan: DecidingPlan,
    private readonly sources: Pick<SourceTopics, 'find' | 'refresh'>,
  ) {}

  refresh(): Promise<void> {
    return this.sources.refresh();
  }

  decide(record: KafkaRecord): Decision {
    const { plan } = this;
    const letter = parseForeignLetter(record);
    if (letter === undefined) {
      const reason = 'it has none of the headers of Kafka Connect or Spring for Apache Kafka';
      return { kind: 'reject', code: 'replay.unreadable', reason };
    }
    if (plan.isErased?.(record) === true) {
      return { kind: 'reject', code: 'replay.erased', reason: 'its customer was erased' };
    }
    if (!hasSource(letter)) {
      return { kind: 'reject', code: 'replay.source_unknown', reason: 'its headers name no source topic' };
    }
    const source = this.sources.find(letter.source.topic);
    if ('problem' in source) return { kind: 'reject', code: 'replay.source_topic', reason: source.problem };
    if (letter.attempt > MAX_ATTEMPTS) {
      return { kind: 'reject', code: 'replay.attempts', reason: `it has failed ${String(letter.attempt)} times` };
    }
    const partition = partitionIn(letter, source);
    const decision: Decision =
      plan.edit === undefined
        ? { kind: 'return', record: this.returned(letter, partition, letter.value, letter.headers) }
        : this.edited(letter, partition, plan.edit);
    if (decision.kind !== 'return' || isStorable(decision.record, source.maxMessageBytes)) return decision;
    return { kind: 'reject', code: 'replay.too_large', reason: `${decision.record.topic} does not take its size` };
  }

  /** A raw topic has a contract. Of any other, the value stays JSON. */
  private edited(letter: AnyLetter, partition: number, patch: JsonPatch): Decision {
    const { value, headers, source } = letter;
    const family = familyOfRaw(source.topic);
    const original = { identity: identityOf(letter), value, headers };
    const edit = family === undefined ? editForeignRecord(original, patch) : editRecord(original, patch, family);
    if ('problem' in edit) return { kind: 'reject', code: 'replay.edit_rejected', reason: edit.problem };
    const record = this.returned(letter, partition, edit.value, edit.headers);
    if (family !== undefined) {
      let contract = this.contracts.get(family);
      if (contract === undefined) this.contracts.set(family, (contract = new ContractCheck(family)));
      const problems = contract.problemsOf({ ...record, timestamp: 0, headers: edit.headers });
      if (problems.length > 0) {
        return { kind: 'reject', code: 'replay.edit_rejected', reason: contractReason(problems) };
      }
    }
    return { kind: 'return', record, editedFrom: edit.editedFrom, editedTo: edit.editedTo };
  }

  private returned(letter: AnyLetter, partition: number, value: Buffer | null, headers: RecordHeaders): OutputRecord {
    const { attempt, firstFailedAt, source, key } = letter;
    const fields: HeaderField[] = [
      ...headerFields(headers),
      [DLQ_HEADERS.attempt, String(attempt)],
      [DLQ_HEADERS.firstFailedAt, firstFailedAt.toISOString()],
      [DLQ_HEADERS.replay, markOf(this.plan.id, letter)],
    ];
    return { topic: source.topic, partition, key, value, headers: headersOf(fields) };
  }
}

/** The partition of the source topic to which a letter returns. */
function partitionIn({ source, key, partition }: AnyLetter, { partitions }: TopicLimits): number {
  const isRaw = familyOfRaw(source.topic) !== undefined;
  const isThere = source.partition >= 0 && source.partition < partitions;
  if (key !== null && (isRaw || !isThere)) return partitionFor(key, partitions);
  return isThere ? source.partition : partition % partitions;
}
