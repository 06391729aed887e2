import { randomUUID } from 'node:crypto';
import { CATALOG_VERSIONS_TOPIC, type Family, rawTopic, stateTopic } from '@orderstream/contracts';
import { buildBatchDeadLetter } from '@orderstream/dead-letters';
import { type ErrorCode, OrderstreamError } from '@orderstream/errors';
import {
  type BatchPlace,
  fetchUnreadableBatch,
  partitionName,
  PartitionTransactions,
  readPartition,
  type TopicPartition,
} from '@orderstream/kafka';
import type { Logger } from '@orderstream/observability';
import {
  type CatalogLimits,
  type CatalogVersions,
  CatalogVersionsOverlay,
  passOver,
  type PartitionState,
  type StateLimits,
  type StateRecord,
  StateUnreadableError,
} from '@orderstream/quality';
import type { Kafka } from 'kafkajs';
import { memoryRecord } from '../partitions/batch-changes';
import { commitMetadata } from '../partitions/commit-metadata';
import { compareLog, KafkaInputLog, type LogRange } from '../partitions/input-log';
import { MAX_OUTPUT_BYTES, topicIdsOf } from '../partitions/partition-opening';
import { readVersions, restoreState } from '../partitions/restore-state';

/** An offset, an end of the log, or the end of the batch at the next offset, if that one cannot be decoded. */
export type PositionTarget = number | 'beginning' | 'end' | 'next-batch';

/** The requested offset would evaluate records twice, or lies outside the log. */
export class PositionRejectedError extends OrderstreamError {
  readonly code = 'POSITION_REJECTED' satisfies ErrorCode;
}

export interface SetPositionOptions {
  readonly kafka: Kafka;
  readonly family: Family;
  readonly partition: number;
  readonly groupId: string;
  readonly target: PositionTarget;
  readonly limits: StateLimits;
  readonly catalogLimits: CatalogLimits;
  readonly maxAheadMs: number;
  readonly transactionTimeoutMs: number;
  readonly logger: Logger;
  /** Name of the operator, for the audit. */
  readonly actor: string;
  readonly clock: () => Date;
}

export interface SetPositionReport extends TopicPartition {
  /** The offset committed before; null if there was none. */
  readonly before: number | null;
  /** The next offset that is evaluated. */
  readonly position: number;
  /** Records that were left out: counted in the log, and the offsets that retention has removed. */
  readonly passedOver: number;
  /** Offsets of a batch that could not be decoded and is one dead letter now; null for another target. */
  readonly deadLetteredBatch: { readonly firstOffset: number; readonly lastOffset: number } | null;
  /** What shows that the log is another one than the state's; null if nothing does. */
  readonly otherLog: string | null;
  /** `unreadable`: it was not changed. Run `rebuild-state` next. */
  readonly state: 'adapted' | 'unreadable';
  readonly log: LogRange;
}

/**
 * Moves the committed offset of a partition by an operator's command, and adapts what it remembers: the records that are
 * left out count as passed over.
 *
 * Failure semantics: opening the partition's transactions fences its owner. The offset, the state, the dead letter of a
 * batch and, in the catalog's family, the position of the versions are one transaction: killed before it, nothing has changed. An owner that opens
 * the partition in between fences the command. The command may be repeated.
 *
 * @throws PositionRejectedError, BatchReadableError, LogUnreadableError, TransactionFailedError, ReadTimeoutError
 */
export async function setPosition(options: SetPositionOptions): Promise<SetPositionReport> {
  const { kafka, family, partition, groupId, target, transactionTimeoutMs, logger, actor } = options;
  const ref = { topic: rawTopic(family), partition };
  const log = new KafkaInputLog(kafka, ref);
  const maxRecordBytes = MAX_OUTPUT_BYTES;
  const transactions = await PartitionTransactions.open(kafka, {
    groupId,
    ...ref,
    transactionTimeoutMs,
    maxRecordBytes,
  });
  try {
    const { committed } = transactions;
    const { state, versions } = await remembered(options);
    const evaluatedUpTo = state?.nextOffset ?? committed.offset;
    const { topicId } = committed;
    const compared = await compareLog(log, {
      nextOffset: evaluatedUpTo ?? 0,
      topicId,
      topicIds: state === undefined ? [] : topicIdsOf(committed, state.log),
      mark: state?.log,
    });
    const { start, end, difference } = compared;
    // In another log nothing was evaluated.
    const from = difference === undefined ? (evaluatedUpTo ?? 0) : 0;
    const batch = target === 'next-batch' ? await fetchUnreadableBatch(kafka, ref, Math.max(from, start)) : undefined;
    const position = batch?.nextOffset ?? positionOf(target, compared);
    assertAllowed(ref, position, from, compared);

    const nowMs = options.clock().getTime();
    const skipped = await recordsBetween(kafka, ref, Math.max(from, start), position, nowMs);
    const passedOver = skipped.count + Math.max(0, Math.min(start, position) - from);
    const records = [];
    if (batch !== undefined) {
      records.push(buildBatchDeadLetter(batch, { app: 'validator', failedAt: options.clock() }));
    }
    if (state !== undefined) {
      const mark = skipped.last ?? (difference === undefined ? state.log : undefined);
      const summary = passOver(state, {
        records: passedOver,
        untilMs: skipped.untilMs,
        nextOffset: position,
        log: { lastOffset: mark?.lastOffset, lastAppendMs: mark?.lastAppendMs, topicId },
        maxAheadMs: options.maxAheadMs,
      });
      records.push(memoryRecord(stateTopic(family), partition, summary));
    }
    if (versions !== undefined) {
      for (const record of versionRecords(versions, position, passedOver > 0)) {
        records.push(memoryRecord(CATALOG_VERSIONS_TOPIC, partition, record));
      }
    }
    // A token that no owner knows: the next one restores the state.
    const metadata = commitMetadata(`set-position.${randomUUID()}`, topicId);
    await transactions.commit({ records, offset: position, metadata });
    const report: SetPositionReport = {
      ...ref,
      before: committed.offset ?? null,
      position,
      passedOver,
      deadLetteredBatch: batch === undefined ? null : { firstOffset: batch.firstOffset, lastOffset: batch.lastOffset },
      otherLog: difference ?? null,
      state: state === undefined ? 'unreadable' : 'adapted',
      log: { start, end },
    };
    logger.info(
      { audit: true, actor, action: 'set-position', change: { to: target }, ...report },
      `${actor}: set-position`,
    );
    return report;
  } finally {
    await transactions.close();
  }
}

/** State undefined: it cannot be read, and `rebuild-state` needs a committed offset first. */
async function remembered({
  kafka,
  family,
  partition,
  limits,
  catalogLimits,
}: SetPositionOptions): Promise<{ state: PartitionState | undefined; versions: CatalogVersions | undefined }> {
  const state = await readable(async () => (await restoreState(kafka, family, partition, limits)).state);
  if (family !== 'catalog' || state === undefined) return { state, versions: undefined };
  const versions = await readable(async () => {
    const read = await readVersions(kafka, partition, catalogLimits);
    read.versions.finishRestore();
    return read.versions;
  });
  // Without its entities the versions must stay as they are, so that the partition stops and asks for a rebuild.
  const isWhole = versions !== undefined && (versions.position !== undefined || state.nextOffset === undefined);
  return isWhole ? { state, versions } : { state: undefined, versions: undefined };
}

async function readable<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof StateUnreadableError) return undefined;
    throw error;
  }
}

const positionOf = (target: PositionTarget, { start, end }: LogRange): number =>
  target === 'end' ? end : typeof target === 'number' ? target : start;

function assertAllowed(ref: TopicPartition, position: number, from: number, log: LogRange): void {
  const name = partitionName(ref);
  if (position < log.start || position > log.end) {
    throw new PositionRejectedError(
      `the log of ${name} starts at ${String(log.start)} and ends at ${String(log.end)}: ${String(position)} is outside. ` +
        'Nothing was changed.',
    );
  }
  if (position < from) {
    throw new PositionRejectedError(
      `the records of ${name} below ${String(from)} were evaluated: from ${String(position)} on they would be validated ` +
        'twice. Nothing was changed. To evaluate a record again, replay its dead letter or send it again.',
    );
  }
}

interface SkippedRecords {
  readonly count: number;
  readonly untilMs: number | undefined;
  readonly last: { readonly lastOffset: number; readonly lastAppendMs: number } | undefined;
}

/** A batch that cannot be decoded counts by its header, of which damage may have changed the time. */
async function recordsBetween(
  kafka: Kafka,
  ref: TopicPartition,
  from: number,
  until: number,
  nowMs: number,
): Promise<SkippedRecords> {
  let count = 0;
  let untilMs: number | undefined;
  let last: SkippedRecords['last'];
  if (from >= until) return { count, untilMs, last };
  const onUnreadable = (batch: BatchPlace, unread: number): void => {
    count += unread;
    untilMs = Math.max(untilMs ?? 0, Math.min(batch.timestamp, nowMs));
  };
  await readPartition(kafka, { ...ref, from, until, isolation: 'committed', onUnreadable }, ({ records }) => {
    count += records.length;
    for (const { offset, timestamp } of records) {
      untilMs = Math.max(untilMs ?? timestamp, timestamp);
      last = { lastOffset: offset, lastAppendMs: timestamp };
    }
  });
  return { count, untilMs, last };
}

/** The versions that were announced in what is left out are missing. */
function versionRecords(versions: CatalogVersions, position: number, isCut: boolean): readonly StateRecord[] {
  const overlay = new CatalogVersionsOverlay(versions);
  if (isCut) overlay.cut();
  return [...overlay.records(position)];
}
