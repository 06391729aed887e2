import { randomUUID } from 'node:crypto';
import {
  deadLetterTopic,
  type Family,
  QUALITY_HEADERS,
  rawTopic,
  stateTopic,
  validatedTopic,
} from '@orderstream/contracts';
import { parseDeadLetter } from '@orderstream/dead-letters';
import { type ErrorCode, OrderstreamError } from '@orderstream/errors';
import { fetchBounds, type KafkaRecord, PartitionTransactions, readPartition } from '@orderstream/kafka';
import {
  type Accounting,
  type QualitySettings,
  readSummary,
  type StateLimits,
  StateRebuild,
  type StateRecord,
  type StateSummary,
  SUMMARY_KEY,
} from '@orderstream/quality';
import type { Kafka } from 'kafkajs';
import { Outputs } from '../partitions/outputs';

/** Neither the group nor the state says how far the partition was evaluated. */
export class PositionUnknownError extends OrderstreamError {
  readonly code = 'POSITION_LOST' satisfies ErrorCode;
  constructor(groupId: string, topic: string, partition: number) {
    super(
      `${groupId} has no committed offset of ${topic}/${String(partition)}, and its state does not tell one. Nothing was ` +
        'changed. If nothing was ever evaluated, just start the validator; otherwise set the offset of the group by hand.',
    );
  }
}

export interface RebuildOptions {
  readonly kafka: Kafka;
  readonly family: Family;
  readonly partition: number;
  readonly groupId: string;
  readonly settings: QualitySettings;
  readonly limits: StateLimits;
  readonly transactionTimeoutMs: number;
  readonly clock: () => Date;
}

export interface RebuildReport {
  readonly family: Family;
  readonly partition: number;
  /** Next offset of the raw partition: as it was. */
  readonly position: number;
  /** Validated records read, and those of them that no validator wrote. */
  readonly records: number;
  readonly missingBelowCommit: number;
  readonly sizes: Readonly<Record<string, number>>;
  /** How far each memory reaches back now. */
  readonly effectiveWindows: Readonly<Record<string, number>>;
  /** Kept from the old state, or counted anew from what the topics still hold. */
  readonly accounts: 'kept' | 'recounted';
  readonly accounting: Accounting;
  /** State records of the old state that are no more. */
  readonly removed: number;
}

/**
 * Replaces the state of one partition by what its validated log tells, as far back as retention has left it.
 *
 * Failure semantics: opening the partition's transactions fences its owner, if there is one: nothing is evaluated
 * meanwhile, and the owner restores the new state when it opens again. The new state, tombstones for the rest of the old
 * one and the unchanged position are one transaction: killed anywhere, the old state is there as it was, and the command
 * can be repeated. An owner that opens the partition again before this is done fences this instead: then nothing has
 * changed either.
 *
 * @throws PositionUnknownError, TransactionFailedError, ReadTimeoutError
 */
export async function rebuildState(options: RebuildOptions): Promise<RebuildReport> {
  const { kafka, family, partition, groupId, limits, settings } = options;
  const topic = rawTopic(family);
  const transactions = await PartitionTransactions.open(kafka, {
    groupId,
    topic,
    partition,
    transactionTimeoutMs: options.transactionTimeoutMs,
  });
  try {
    const old = await readOldState(kafka, family, partition);
    const position = transactions.committed.offset ?? old.summary?.nextOffset;
    if (position === undefined) throw new PositionUnknownError(groupId, topic, partition);

    const rebuild = new StateRebuild({
      limits,
      flagsHeader: QUALITY_HEADERS.flags,
      isRepair: (code) => settings.actions[code] === 'repair',
      forgottenUntilMs: await takenByRetention(options, old.summary),
      maxAheadMs: settings.maxAheadMs,
    });
    const counted = old.summary === undefined ? await countInput(options, position) : undefined;
    let records = 0;
    let acceptedOfInput = 0;
    await read(kafka, validatedTopic(family), partition, (record) => {
      records++;
      if (counted !== undefined && record.timestamp >= counted.sinceMs) acceptedOfInput++;
      rebuild.accepted(record);
    });
    if (counted !== undefined) {
      for (const codes of counted.deadLetters) rebuild.deadLettered(codes);
      for (let left = counted.input - acceptedOfInput - counted.deadLetters.length; left > 0; left--) rebuild.skipped();
    }

    const { state, records: written } = rebuild.finish(position, old.summary);
    const kept = new Set(written.map(({ key }) => key));
    const removed = [...old.keys].filter((key) => !kept.has(key));
    const outputs = new Outputs(family);
    const changes: StateRecord[] = [...removed.map((key) => ({ key, value: null })), ...written];
    await transactions.commit({
      records: changes.map((change) => outputs.forState(partition, change)),
      offset: position,
      // A token of its own: whoever had the partition restores.
      metadata: JSON.stringify({ v: 1, t: `rebuild.${randomUUID()}` }),
    });
    return {
      family,
      partition,
      position,
      records,
      missingBelowCommit: rebuild.missingBelowCommit,
      sizes: state.sizes(),
      effectiveWindows: state.effectiveWindows(),
      accounts: counted === undefined ? 'kept' : 'recounted',
      accounting: state.accounting,
      removed: removed.length,
    };
  } finally {
    await transactions.close();
  }
}

interface OldState {
  /** Keys that are not deleted, whether or not their records can be read. */
  readonly keys: ReadonlySet<string>;
  /** Undefined: there is none that can be read. */
  readonly summary: StateSummary | undefined;
}

async function readOldState(kafka: Kafka, family: Family, partition: number): Promise<OldState> {
  const keys = new Set<string>();
  let summary: StateSummary | undefined;
  await read(kafka, stateTopic(family), partition, ({ key, value }) => {
    const name = key?.toString() ?? '';
    if (value === null) keys.delete(name);
    else keys.add(name);
    if (name === SUMMARY_KEY) summary = value === null ? undefined : readSummary(value.toString());
  });
  return { keys, summary };
}

/** Append time up to which the validated log may be taken by retention; undefined while it is whole. */
async function takenByRetention(
  { kafka, family, partition, clock }: RebuildOptions,
  summary: StateSummary | undefined,
): Promise<number | undefined> {
  const topic = validatedTopic(family);
  const { beginnings } = await fetchBounds(kafka, topic);
  if ((beginnings[partition] ?? 0) === 0) return undefined;
  const enough = new AbortController();
  let firstMs: number | undefined;
  try {
    await readPartition(
      kafka,
      { topic, partition, from: 'beginning', until: 'end', isolation: 'committed', signal: enough.signal },
      ({ records }) => {
        firstMs ??= records[0]?.timestamp;
        if (firstMs !== undefined) enough.abort();
      },
    );
  } catch (error) {
    if (!enough.signal.aborted) throw error;
  }
  return firstMs ?? summary?.lastAppendMs ?? clock().getTime();
}

interface CountedInput {
  /** Records of the raw log below the position. */
  readonly input: number;
  /** Append time of the first of them. */
  readonly sinceMs: number;
  /** The codes of each of their dead letters. */
  readonly deadLetters: readonly (readonly string[])[];
}

/** What the topics still tell of the accounts. */
async function countInput({ kafka, family, partition }: RebuildOptions, position: number): Promise<CountedInput> {
  const topic = rawTopic(family);
  const { beginnings, ends } = await fetchBounds(kafka, topic);
  let input = 0;
  let sinceMs = Infinity;
  const until = Math.min(position, ends[partition] ?? 0);
  await read(
    kafka,
    topic,
    partition,
    ({ timestamp }) => {
      input++;
      sinceMs = Math.min(sinceMs, timestamp);
    },
    until,
  );
  const deadLetters: (readonly string[])[] = [];
  await read(kafka, deadLetterTopic(topic, 'validator'), partition, (record) => {
    const { source, reasons } = parseDeadLetter(record);
    const isOfInput = source.offset >= (beginnings[partition] ?? 0) && source.offset < until;
    if (isOfInput) deadLetters.push(reasons.map(({ code }) => code));
  });
  return { input, sinceMs, deadLetters };
}

async function read(
  kafka: Kafka,
  topic: string,
  partition: number,
  take: (record: KafkaRecord) => void,
  until: number | 'end' = 'end',
): Promise<void> {
  await readPartition(kafka, { topic, partition, from: 'beginning', until, isolation: 'committed' }, ({ records }) => {
    for (const record of records) take(record);
  });
}
