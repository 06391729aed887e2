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
import { type FaultPoints, NO_FAULTS } from '../partitions/fault-points';
import { firstAppendMs } from '../partitions/first-append-ms';
import { compareLog, KafkaInputLog, type LogRange } from '../partitions/input-log';
import { readOldState } from '../partitions/old-state';
import { MAX_OUTPUT_BYTES, topicIdsOf } from '../partitions/partition-opening';
import { readVersions, restoreState } from '../partitions/restore-state';
import { LeftOut } from './left-out';

/** An offset, an end of the log, or the end of the batch at the next offset, if that one cannot be decoded. */
export type PositionTarget = number | 'beginning' | 'end' | 'next-batch';

/** The requested offset would evaluate records twice or lies outside the log, or the state cannot take the accounts. */
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
  /** Reaches `fenced` and `evaluated` (all is determined, nothing is sent). */
  readonly faults?: FaultPoints;
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
  /** `unreadable`: there was no offset to rebuild it at, and it was not changed. Run `rebuild-state` next. */
  readonly state: 'adapted' | 'unreadable';
  readonly log: LogRange;
}

/**
 * Moves the committed offset of a partition by an operator's command, and adapts what it remembers: the records that are
 * left out count as passed over.
 *
 * Failure semantics: opening the partition's transactions fences its owner. The offset, the state, the dead letter of a
 * batch and, in the catalog's family, the versions are one transaction: killed before it, nothing has changed. An owner
 * that opens the partition in between fences the command. The command may be repeated.
 *
 * A state that cannot be read does not take what is left out into its accounts, and one that is lost has forgotten what was
 * accepted: it must be rebuilt first. Only where nothing says which offset that would be of, the offset is moved without
 * a rebuild.
 *
 * @throws PositionRejectedError, BatchReadableError, LogUnreadableError, TransactionFailedError, ReadTimeoutError
 */
export async function setPosition(options: SetPositionOptions): Promise<SetPositionReport> {
  const {
    kafka,
    family,
    partition,
    groupId,
    target,
    transactionTimeoutMs,
    logger,
    actor,
    faults = NO_FAULTS,
  } = options;
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
    await faults.reached('fenced', ref);
    const { state, versions } = await remembered(options);
    if (state?.nextOffset === undefined) await assertNotRebuildable(options, committed.offset);
    const evaluatedUpTo = state?.nextOffset;
    const { topicId } = committed;
    const compared = await compareLog(log, {
      nextOffset: evaluatedUpTo ?? 0,
      topicId,
      topicIds: topicIdsOf(committed, state?.log),
      mark: state?.log,
    });
    const { start, end, difference } = compared;
    // In another log nothing was evaluated.
    const from = difference === undefined ? (evaluatedUpTo ?? 0) : 0;
    const batch = target === 'next-batch' ? await fetchUnreadableBatch(kafka, ref, Math.max(from, start)) : undefined;
    const position = batch?.nextOffset ?? positionOf(target, compared);
    assertAllowed(ref, position, from, compared);

    const first = Math.max(from, start);
    const leftOut = new LeftOut(options.clock().getTime());
    await addRange(leftOut, kafka, ref, first, position);
    // Of another log the tail may be lost, and nothing says whether it had one.
    if (difference !== undefined || from < start) leftOut.addLost(await firstAppendMs(kafka, ref));
    const passedOver = leftOut.count + Math.max(0, Math.min(start, position) - from);
    const { untilMs } = leftOut;
    const records = [];
    if (batch !== undefined) {
      records.push(buildBatchDeadLetter(batch, { app: 'validator', failedAt: options.clock() }));
    }
    if (state !== undefined) {
      const mark = leftOut.last ?? (difference === undefined ? state.log : undefined);
      const summary = passOver(state, {
        records: passedOver,
        untilMs,
        nextOffset: position,
        log: { lastOffset: mark?.lastOffset, lastAppendMs: mark?.lastAppendMs, topicId },
        maxAheadMs: options.maxAheadMs,
      });
      records.push(memoryRecord(stateTopic(family), partition, summary));
    }
    if (versions !== undefined) {
      for (const record of versionRecords(
        versions,
        position,
        untilMs === undefined ? undefined : untilMs + options.maxAheadMs,
      )) {
        records.push(memoryRecord(CATALOG_VERSIONS_TOPIC, partition, record));
      }
    }
    // A token that no owner knows: the next one restores the state.
    const metadata = commitMetadata(`set-position.${randomUUID()}`, topicId);
    await faults.reached('evaluated', ref);
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

/** State undefined: it cannot be read, or in the catalog's family the versions cannot. */
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

/** @throws PositionRejectedError where `rebuild-state` can rebuild the state. */
async function assertNotRebuildable(
  { kafka, family, partition }: SetPositionOptions,
  committedOffset: number | undefined,
): Promise<void> {
  const nextOffset = committedOffset ?? (await readOldState(kafka, family, partition)).summary?.nextOffset;
  if (nextOffset === undefined) return;
  throw new PositionRejectedError(
    `the state of ${partitionName({ topic: rawTopic(family), partition })} cannot be read, or is lost, so its ` +
      'accounts would lack what is left out. Nothing was changed. Run ' +
      `\`npm run rebuild-state -- --family ${family} --partition ${String(partition)}\` first, then this command again ` +
      '(docs/validator-state.md#repair).',
  );
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

/** Adds the records of a range of the log. */
async function addRange(
  leftOut: LeftOut,
  kafka: Kafka,
  ref: TopicPartition,
  from: number,
  until: number,
): Promise<void> {
  if (from >= until) return;
  const onUnreadable = (batch: BatchPlace, unread: number): void => {
    leftOut.addUnreadable(batch, unread);
  };
  await readPartition(kafka, { ...ref, from, until, isolation: 'committed', onUnreadable }, ({ records }) => {
    for (const record of records) leftOut.add(record);
  });
}

/** @param missingUntilMs the latest time of a version that may be missing, as it was left out; undefined: none is */
function versionRecords(
  versions: CatalogVersions,
  position: number,
  missingUntilMs: number | undefined,
): readonly StateRecord[] {
  const overlay = new CatalogVersionsOverlay(versions);
  if (missingUntilMs !== undefined) overlay.cut(missingUntilMs * 1_000 + 1);
  return [...overlay.records(position)];
}
