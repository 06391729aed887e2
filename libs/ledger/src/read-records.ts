import { createHash } from 'node:crypto';
import {
  CE,
  deadLetterTopic,
  type Family,
  QUALITY_HEADERS,
  rawTopic,
  SIMULATION_ID_HEADER,
  validatedTopic,
} from '@orderstream/contracts';
import { parseDeadLetter } from '@orderstream/dead-letters';
import { fetchEndOffsets, type KafkaRecord, readPartition } from '@orderstream/kafka';
import { type Admin, type Kafka } from 'kafkajs';
import { type LogSpan } from './archived-log';
import { type Letter as TableLetter, recordsRejectedSince } from './compare-letters';
import { type DeadLetterRecord, type RawRecord, type SkippedBatch, type ValidatedRecord } from './evidence';
import { type RecordRange } from './read-tables';
import { contentOfBody } from './row-content';
import { type FamilyOffsets, type VerdictOffsets } from './snapshot';

/** The records of one partition's topics between two snapshots, with a hash in place of each value. */
export interface PartitionRecords {
  readonly raw: readonly RawRecord[];
  readonly validated: readonly ValidatedRecord[];
  readonly deadLetters: readonly DeadLetterRecord[];
  readonly rejectedBySink: readonly number[];
  readonly rejectedByBridge: readonly number[];
  readonly skippedBatches: readonly SkippedBatch[];
}

/** The reason of a row whose record is no dead letter. */
const UNREADABLE_LETTER = 'dead_letter.unreadable';

type Letter = DeadLetterRecord | SkippedBatch;

/** What the validator read and wrote of one partition. */
export interface VerdictRecords {
  readonly raw: readonly RawRecord[];
  readonly validated: readonly ValidatedRecord[];
  readonly letters: readonly Letter[];
}

/** @param raw the raw records, if their topic does not hold them any more */
export async function readVerdicts(
  kafka: Kafka,
  family: Family,
  partition: number,
  from: VerdictOffsets,
  until: VerdictOffsets,
  raw?: readonly RawRecord[],
): Promise<VerdictRecords> {
  const read = <T>(topic: string, log: keyof VerdictOffsets, map: (record: KafkaRecord) => T): Promise<T[]> =>
    readRange(kafka, topic, partition, from[log][partition], until[log][partition], map);
  return {
    raw: raw ?? (await read(rawTopic(family), 'committed', rawRecord)),
    validated: await read(validatedTopic(family), 'validated', (record) => validatedRecord(family, record)),
    letters: await read(deadLetterTopic(rawTopic(family), 'validator'), 'deadLetters', deadLetter),
  };
}

export async function readRecords(
  kafka: Kafka,
  family: Family,
  partition: number,
  { from, until, raw }: Pick<LogSpan, 'from' | 'until' | 'raw'>,
): Promise<PartitionRecords> {
  const lettersOf = (app: 'bq-sink' | 'pubsub-bridge', log: keyof FamilyOffsets): Promise<Letter[]> => {
    const topic = deadLetterTopic(validatedTopic(family), app);
    return readRange(kafka, topic, partition, from[log][partition], until[log][partition], deadLetter);
  };
  const verdicts = await readVerdicts(kafka, family, partition, from, until, raw?.[partition]);
  const { letters } = verdicts;
  const ofSink = await lettersOf('bq-sink', 'rejectedBySink');
  const ofBridge = family === 'orders' ? await lettersOf('pubsub-bridge', 'rejectedByBridge') : [];
  return {
    raw: verdicts.raw,
    validated: verdicts.validated,
    deadLetters: ofRecords(letters),
    rejectedBySink: firstRejections(ofSink),
    rejectedByBridge: firstRejections(ofBridge),
    skippedBatches: [...letters, ...ofSink, ...ofBridge].filter((letter) => 'firstOffset' in letter),
  };
}

/** Number of validated orders since the start that the bridge has dead-lettered: they do not reach its table. */
export async function countRejectedByBridge(kafka: Kafka, admin: Admin, from: FamilyOffsets): Promise<number> {
  const topic = deadLetterTopic(validatedTopic('orders'), 'pubsub-bridge');
  let rejected = 0;
  for (const [partition, until] of (await fetchEndOffsets(admin, topic)).entries()) {
    const range = { topic, partition, from: from.rejectedByBridge[partition] ?? 0, until };
    rejected += recordsRejectedSince(await readLetters(kafka, range), from.validated[partition] ?? 0);
  }
  return rejected;
}

/** Source offsets. Further attempts are those of replays, which return the same records. */
const firstRejections = (letters: readonly Letter[]): number[] =>
  ofRecords(letters)
    .filter(({ attempt }) => attempt === 1)
    .map(({ sourceOffset }) => sourceOffset);

/** The dead letters that are records. */
export const ofRecords = (letters: readonly Letter[]): DeadLetterRecord[] =>
  letters.filter((letter) => 'sourceOffset' in letter);

/** The records of one validated partition between two snapshots. */
export interface ValidatedRange {
  readonly partition: number;
  readonly from: number;
  /** The offset after the last record. Transaction markers may follow it. */
  readonly end: number;
  readonly records: number;
}

export async function readValidatedRanges(
  kafka: Kafka,
  family: Family,
  from: FamilyOffsets,
  until: FamilyOffsets,
): Promise<ValidatedRange[]> {
  const ranges: ValidatedRange[] = [];
  for (const [partition, first = 0] of from.validated.entries()) {
    const range = { topic: validatedTopic(family), partition, from: first, until: until.validated[partition] ?? first };
    let records = 0;
    let end = first;
    if (range.from < range.until) {
      await readPartition(kafka, range, (batch) => {
        records += batch.records.length;
        end = (batch.records.at(-1)?.offset ?? end - 1) + 1;
      });
    }
    ranges.push({ partition, from: first, end, records });
  }
  return ranges;
}

/** A raw topic: its evaluated records, without their values, and those behind them as they are. */
export async function readRawTopic(
  kafka: Kafka,
  family: Family,
  committed: readonly number[],
  ends: readonly number[],
): Promise<{ readonly evaluated: RawRecord[][]; readonly rest: KafkaRecord[] }> {
  const topic = rawTopic(family);
  const evaluated: RawRecord[][] = [];
  const rest: KafkaRecord[] = [];
  for (const [partition, end] of ends.entries()) {
    const until = committed[partition] ?? 0;
    evaluated.push(await readRange(kafka, topic, partition, 0, until, rawRecord));
    rest.push(...(await readRange(kafka, topic, partition, until, end, (record) => record)));
  }
  return { evaluated, rest };
}

/** Committed records of one range of offsets. */
async function readRange<T>(
  kafka: Kafka,
  topic: string,
  partition: number,
  from = 0,
  until = 0,
  map: (record: KafkaRecord) => T,
): Promise<T[]> {
  const mapped: T[] = [];
  if (from >= until) return mapped;
  await readPartition(kafka, { topic, partition, from, until }, (batch) => {
    for (const record of batch.records) mapped.push(map(record));
  });
  return mapped;
}

/** The letters of one range of a dead-letter topic, as their rows must be. */
export function readLetters(kafka: Kafka, { topic, partition, from, until }: RecordRange): Promise<TableLetter[]> {
  return readRange(kafka, topic, partition, from, until, (record): TableLetter => {
    const { offset } = record;
    try {
      const { reason, attempt, source } = parseDeadLetter(record);
      return { offset, reason, attempt, sourceOffset: source.offset };
    } catch {
      // Another program has written it.
      return { offset, reason: UNREADABLE_LETTER, attempt: 1, sourceOffset: undefined };
    }
  });
}

function rawRecord(record: KafkaRecord): RawRecord {
  const id = header(record, CE.id);
  return {
    offset: record.offset,
    timestamp: record.timestamp,
    sha256: sha256(record.value),
    simulationId: header(record, SIMULATION_ID_HEADER),
    identity: id === undefined ? '' : `${header(record, CE.source) ?? ''} ${id}`,
  };
}

function validatedRecord(family: Family, record: KafkaRecord): ValidatedRecord {
  const flags = header(record, QUALITY_HEADERS.flags) ?? '';
  return {
    ...rawRecord(record),
    eventId: header(record, CE.id) ?? '',
    flags: flags === '' ? [] : flags.split(','),
    content: contentOfBody(family, record.value),
  };
}

function deadLetter(record: KafkaRecord): Letter {
  const { source, reason, reasons, attempt, batch } = parseDeadLetter(record);
  if (batch === undefined) {
    const rules = [...new Set([reason, ...reasons.map(({ code }) => code)])];
    return { sourceOffset: source.offset, attempt, reason, rules, sha256: sha256(record.value) };
  }
  const { firstOffset, lastOffset, records } = batch;
  return { topic: source.topic, firstOffset, lastOffset, records };
}

function header(record: KafkaRecord, name: string): string | undefined {
  const value = Object.hasOwn(record.headers, name) ? record.headers[name] : undefined;
  // kafkajs has no type for the value null, which Kafka allows.
  if (value === undefined || (value as unknown) === null || Array.isArray(value)) return undefined;
  return typeof value === 'string' ? value : value.toString('utf8');
}

/** For a tombstone the hash of no bytes. */
const sha256 = (value: Buffer | null): string =>
  createHash('sha256')
    .update(value ?? '')
    .digest('hex');
