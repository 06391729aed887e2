import { randomUUID } from 'node:crypto';
import {
  CATALOG_VERSIONS_TOPIC,
  deadLetterTopic,
  type Family,
  QUALITY_HEADERS,
  rawTopic,
  stateTopic,
  validatedTopic,
} from '@orderstream/contracts';
import { parseDeadLetter } from '@orderstream/dead-letters';
import { type ErrorCode, OrderstreamError } from '@orderstream/errors';
import {
  type BatchPlace,
  fetchLogBounds,
  type KafkaRecord,
  partitionName,
  PartitionTransactions,
  readPartition,
} from '@orderstream/kafka';
import {
  type Accounting,
  type CatalogLimits,
  type QualitySettings,
  type StateLimits,
  StateRebuild,
  type StateRecord,
  type StateSummary,
} from '@orderstream/quality';
import type { Kafka } from 'kafkajs';
import { setPositionLine } from '@orderstream/service';
import { memoryRecord } from '../partitions/batch-changes';
import { commitMetadata } from '../partitions/commit-metadata';
import { type FaultPoints, NO_FAULTS } from '../partitions/fault-points';
import { firstAppendMs } from '../partitions/first-append-ms';
import { compareLog, KafkaInputLog } from '../partitions/input-log';
import { readOldState } from '../partitions/old-state';
import { topicIdsOf } from '../partitions/partition-opening';
import { readVersions } from '../partitions/restore-state';
import { type MergedVersions, VersionsMerge } from './versions-merge';

/** Neither the group nor the state holds an offset of the partition. */
export class CommittedOffsetUnknownError extends OrderstreamError {
  readonly code = 'COMMITTED_OFFSET_UNKNOWN' satisfies ErrorCode;
  constructor(groupId: string, family: Family, partition: number) {
    super(
      `Group ${groupId} has no committed offset of ${partitionName({ topic: rawTopic(family), partition })}, and its state holds none. ` +
        'Nothing has changed. If no record was ever validated, start the validator; otherwise choose the offset first: ' +
        `${setPositionLine('validator', family, partition, '<offset>')}.`,
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
  readonly catalogLimits: CatalogLimits;
  readonly transactionTimeoutMs: number;
  readonly clock: () => Date;
  /** Reaches `fenced` and `evaluated` (all is determined, nothing is sent). */
  readonly faults?: FaultPoints;
}

export interface RebuildReport {
  readonly family: Family;
  readonly partition: number;
  /** The committed offset of the raw partition, which the command does not change. */
  readonly committedOffset: number;
  /** Validated records read. */
  readonly records: number;
  /** Records among them that no validator wrote. */
  readonly ignored: number;
  /** Further validated records, of batches that cannot be decoded: what they changed is forgotten. */
  readonly unreadable: number;
  readonly sizes: Readonly<Record<string, number>>;
  /** How far back each memory reaches, in milliseconds. */
  readonly effectiveWindows: Readonly<Record<string, number>>;
  /** Taken from the old state, or counted from what the topics still hold. */
  readonly accounts: 'retained' | 'recounted';
  readonly accounting: Accounting;
  /** What shows that the raw log is another one than the offset's; null if nothing does. Run `set-position` next. */
  readonly otherLog: string | null;
  /** Keys of the old state that the new one does not have. */
  readonly removed: number;
  /** Of the catalog's family: what was merged into the versions topic. */
  readonly versions?: MergedVersions['report'];
}

/**
 * Replaces the state of one partition by one that is rebuilt from its validated log, as far back as retention has left
 * it. In the catalog's family it also merges that log into the versions of the catalog.
 *
 * Failure semantics: opening the partition's transactions fences its owner. Until the owner opens the partition again,
 * no record is validated; then it restores the new state. The new state, tombstones for the other keys of the old one,
 * and the unchanged committed offset are one transaction. Killed at any point, the old state is unchanged and the
 * command can be repeated. An owner that opens the partition before the commit fences this command: nothing has changed
 * then either.
 *
 * The raw log may be another one than the offset's. State and offset keep the id of their own, so the partition stops
 * with LOG_MISMATCH until `set-position`, which needs a state that can be read.
 *
 * @throws CommittedOffsetUnknownError, TransactionFailedError, ReadTimeoutError
 */
export async function rebuildState(options: RebuildOptions): Promise<RebuildReport> {
  const { kafka, family, partition, groupId, limits, settings, faults = NO_FAULTS } = options;
  const ref = { topic: rawTopic(family), partition };
  const transactions = await PartitionTransactions.open(kafka, {
    groupId,
    ...ref,
    transactionTimeoutMs: options.transactionTimeoutMs,
  });
  try {
    await faults.reached('fenced', ref);
    const old = await readOldState(kafka, family, partition);
    const committedOffset = transactions.committed.offset ?? old.summary?.nextOffset;
    if (committedOffset === undefined) throw new CommittedOffsetUnknownError(groupId, family, partition);
    const { topicId } = transactions.committed;
    const topicIds = topicIdsOf(transactions.committed, old.summary?.log);
    const { difference } = await compareLog(new KafkaInputLog(kafka, ref), {
      nextOffset: committedOffset,
      topicId,
      topicIds,
      mark: old.summary?.log,
    });
    const forgottenUntilMs = await removedUntilMs(options, old.summary);
    const rebuild = new StateRebuild({
      limits,
      flagsHeader: QUALITY_HEADERS.flags,
      isRepair: (code) => settings.actions[code] === 'repair',
      forgottenUntilMs,
      clockMs: options.clock().getTime(),
      lastAppendMs: old.summary?.lastAppendMs,
      missedUntilMs: old.summary?.missedUntilMs,
      maxAheadMs: settings.maxAheadMs,
    });
    const latestOf = (appendMs: number): number => rebuild.countedMs(appendMs) + settings.maxAheadMs;
    const versionsUntilMs = forgottenUntilMs === undefined ? undefined : latestOf(forgottenUntilMs);
    const merge =
      family === 'catalog'
        ? VersionsMerge.into(
            (await readVersions(kafka, partition, options.catalogLimits)).versions,
            committedOffset,
            versionsUntilMs,
          )
        : undefined;
    // Of another log, nothing of the input can be counted.
    const inputEnd = difference === undefined ? committedOffset : 0;
    const counted = old.summary === undefined ? await countInput(options, inputEnd) : undefined;
    let records = 0;
    let unreadable = 0;
    let acceptedOfInput = 0;
    await read(
      kafka,
      validatedTopic(family),
      partition,
      (record) => {
        records++;
        if (counted !== undefined && record.timestamp >= counted.sinceMs) acceptedOfInput++;
        rebuild.accepted(record);
        merge?.accepted(record.value, rebuild.countedMs(record.timestamp));
      },
      'end',
      (batch, unread) => {
        unreadable += unread;
        if (counted !== undefined && batch.timestamp >= counted.sinceMs) acceptedOfInput += unread;
        rebuild.unreadable(unread, batch.timestamp);
        merge?.unreadable(latestOf(batch.timestamp));
      },
    );
    if (counted !== undefined) {
      for (const codes of counted.deadLetters) rebuild.deadLettered(codes);
      rebuild.passedOver(counted.passedOver);
      const left = counted.input - acceptedOfInput - counted.deadLetters.length;
      for (let skipped = left; skipped > 0; skipped--) rebuild.skipped();
      // Redeliveries, or records that an operator left out: only the accounts knew. What is left out may be missing.
      if (counted.lastMs !== undefined && (left > 0 || counted.passedOver > 0)) rebuild.missUntil(counted.lastMs);
    }

    const { state, records: written } = rebuild.finish(committedOffset, old.summary);
    const writtenKeys = new Set(written.map(({ key }) => key));
    const removed = [...old.keys].filter((key) => !writtenKeys.has(key));
    const changes: StateRecord[] = [...removed.map((key) => ({ key, value: null })), ...written];
    const merged = merge?.finish(committedOffset);
    await faults.reached('evaluated', ref);
    await transactions.commit({
      records: [
        ...changes.map((change) => memoryRecord(stateTopic(family), partition, change)),
        ...(merged?.records ?? []).map((change) => memoryRecord(CATALOG_VERSIONS_TOPIC, partition, change)),
      ],
      offset: committedOffset,
      // A token that no owner knows: the next one restores the state.
      metadata: commitMetadata(
        `rebuild.${randomUUID()}`,
        difference === undefined ? topicId : topicIds.find((id) => id !== undefined),
      ),
    });
    return {
      family,
      partition,
      committedOffset,
      records,
      ignored: rebuild.ignored,
      unreadable,
      sizes: state.sizes(),
      effectiveWindows: state.effectiveWindows(),
      accounts: counted === undefined ? 'retained' : 'recounted',
      accounting: state.accounting,
      otherLog: difference ?? null,
      removed: removed.length,
      ...(merged && { versions: merged.report }),
    };
  } finally {
    await transactions.close();
  }
}

/** Append time up to which retention may have removed the validated log. Undefined: the log is complete. */
async function removedUntilMs(
  { kafka, family, partition, clock }: RebuildOptions,
  summary: StateSummary | undefined,
): Promise<number | undefined> {
  const topic = validatedTopic(family);
  const { beginnings } = await fetchLogBounds(kafka, topic);
  if ((beginnings[partition] ?? 0) === 0) return undefined;
  return (await firstAppendMs(kafka, { topic, partition })) ?? summary?.lastAppendMs ?? clock().getTime();
}

interface InputCounts {
  /** Records of the raw log below the committed offset that can be read. */
  readonly input: number;
  /** The others: they were skipped by `set-position`. */
  readonly passedOver: number;
  /** Append time of the first of them. */
  readonly sinceMs: number;
  /** The latest append time of all of them; undefined if there is none. */
  readonly lastMs: number | undefined;
  /** For each of their dead letters, its rule codes. */
  readonly deadLetters: readonly (readonly string[])[];
}

/** Counts what the topics still hold, for accounts that cannot be read. */
async function countInput({ kafka, family, partition }: RebuildOptions, committedOffset: number): Promise<InputCounts> {
  const topic = rawTopic(family);
  const { beginnings, ends } = await fetchLogBounds(kafka, topic);
  let input = 0;
  let passedOver = 0;
  let sinceMs = Infinity;
  let lastMs: number | undefined;
  const until = Math.min(committedOffset, ends[partition] ?? 0);
  await read(
    kafka,
    topic,
    partition,
    ({ timestamp }) => {
      input++;
      sinceMs = Math.min(sinceMs, timestamp);
      lastMs = Math.max(lastMs ?? timestamp, timestamp);
    },
    until,
    ({ timestamp }, unread) => {
      passedOver += unread;
      lastMs = Math.max(lastMs ?? timestamp, timestamp);
    },
  );
  const deadLetters: (readonly string[])[] = [];
  await read(kafka, deadLetterTopic(topic, 'validator'), partition, (record) => {
    const { source, reasons, batch } = parseDeadLetter(record);
    const isOfInput = batch === undefined && source.offset >= (beginnings[partition] ?? 0) && source.offset < until;
    if (isOfInput) deadLetters.push(reasons.map(({ code }) => code));
  });
  return { input, passedOver, sinceMs, lastMs, deadLetters };
}

async function read(
  kafka: Kafka,
  topic: string,
  partition: number,
  take: (record: KafkaRecord) => void,
  until: number | 'end' = 'end',
  onUnreadable?: (batch: BatchPlace, unread: number) => void,
): Promise<void> {
  const range = { topic, partition, from: 'beginning', until, isolation: 'committed' } as const;
  await readPartition(kafka, { ...range, ...(onUnreadable && { onUnreadable }) }, ({ records }) => {
    for (const record of records) take(record);
  });
}
