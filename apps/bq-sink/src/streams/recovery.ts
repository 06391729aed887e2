import type { Finalized } from '@orderstream/bigquery';
import { partitionName, type TopicPartition } from '@orderstream/kafka';
import { setPositionLine } from '@orderstream/service';

import { placeOf } from '../sink-topics';
import type { FaultPoints } from './fault-points';
import { type CommittedPosition, decodePosition, isOtherLog, type SinkPosition } from './position';
import { RecoveryAmbiguousError } from './sink-errors';
import type { Warehouse } from './warehouse';

/** The offsets that the log of a partition holds: from its first offset to its last stable offset. */
export interface LogBounds {
  readonly start: number;
  readonly end: number;
}

/** Where a new owner starts. No stream is open, and no other owner can append a row. */
export interface Recovered {
  /** First offset to read. */
  readonly offset: number;
  /** Rows from `offset` on that are durable already. The sink skips their records. */
  readonly durableRows: number;
  /** Id of the topic, if known. */
  readonly topicId: string | undefined;
  /** The offset comes from a query, because the stream is gone or gives no row count. */
  readonly byQuery: boolean;
  /** Last stable offset, read when no other owner could append any more. Every durable row has a record before it. */
  readonly logEnd: number;
}

export interface RecoveryOptions {
  readonly partition: TopicPartition;
  /** As read after fencing. */
  readonly committed: CommittedPosition;
  /**
   * Called again after the stream is finalized. Until then the log grows, and a former owner may append rows of records
   * that are new.
   */
  readonly logBounds: () => Promise<LogBounds>;
  readonly warehouse: Pick<Warehouse, 'finalize' | 'lastOffset'>;
  /** Waits until no append to a deleted stream can land any more. Called once at most. */
  readonly wait: () => Promise<void>;
  readonly faults: FaultPoints;
}

/**
 * Determines which rows of a partition are durable, after its previous owner was fenced (docs/sink-protocol.md, Recovery
 * and Fallback).
 *
 * Failure semantics: the only change is that the committed stream is finalized, which rejects appends of a former owner.
 * So it may be killed and repeated at every step.
 * @throws RecoveryAmbiguousError if more than one result would be possible
 */
export async function recover(options: RecoveryOptions): Promise<Recovered> {
  const { committed } = options;
  const log = await options.logBounds();
  await options.faults.reach('committed-read');
  if (committed.offset === undefined) return recoverWithoutCommit(options);
  const position = decodePosition(committed.offset, committed.metadata ?? '');
  if (position === undefined) {
    throw ambiguous(
      options,
      `offset ${String(committed.offset)} was committed without the metadata of a sink. A tool has moved the offset, or ` +
        'another version has written it',
      LEADS_ON.table,
    );
  }
  assertInLog(options, position, log);
  const { offset, stream } = position;
  const topicId = committed.topicId ?? position.topicId;
  if (stream === undefined) return { offset, durableRows: 0, topicId, byQuery: false, logEnd: log.end };
  const finalized = await endStream(options, stream.name);
  if (finalized.kind === 'rows') {
    const durableRows = finalized.rows - stream.rows;
    if (durableRows < 0) {
      throw ambiguous(
        options,
        `stream ${stream.name} holds ${String(finalized.rows)} rows, fewer than the ${String(stream.rows)} committed`,
        LEADS_ON.elsewhere,
      );
    }
    const { end: logEnd } = await options.logBounds();
    if (durableRows > logEnd - offset) throw moreRowsThanRecords(options.partition, durableRows, offset, logEnd);
    return { offset, durableRows, topicId, byQuery: false, logEnd };
  }
  return recoverByQuery(options, position);
}

/**
 * Finalizes a stream of which no new append is sent. If BigQuery does not know it, an append in flight may still land, or the
 * answer is wrong and a former owner still appends: it waits and finalizes once more. Afterwards nothing can land.
 */
export async function endStream(
  { warehouse, wait, faults }: Pick<RecoveryOptions, 'warehouse' | 'wait' | 'faults'>,
  stream: string,
): Promise<Finalized> {
  const first = await warehouse.finalize(stream);
  await faults.reach('finalized');
  if (first.kind !== 'gone') return first;
  await wait();
  const second = await warehouse.finalize(stream);
  await faults.reach('finalized');
  return second;
}

/** More rows are durable than the log has records: they belong to another log, or the log lost its end. */
export function moreRowsThanRecords(
  partition: TopicPartition,
  rows: number,
  from: number,
  end: number,
): RecoveryAmbiguousError {
  return ambiguous(
    { partition },
    `${String(rows)} more rows are durable than the log has records from ${String(from)} to its end ${String(end)}`,
    LEADS_ON.reCreated,
  );
}

/** Stops where the position was committed for another log, or the log has lost its beginning or its end. */
function assertInLog(options: RecoveryOptions, { offset, topicId: committed }: SinkPosition, log: LogBounds): void {
  const { topicId } = options.committed;
  if (isOtherLog(committed, topicId)) {
    throw ambiguous(
      options,
      `the position was committed for the topic with id ${String(committed)}, and the topic of this name has id ${String(topicId)}: it was deleted and created again`,
      LEADS_ON.reCreated,
    );
  }
  if (offset < log.start) {
    throw ambiguous(
      options,
      `the log starts at ${String(log.start)}, after the committed position ${String(offset)}: the records in between were deleted before the sink read them`,
      LEADS_ON.gap,
    );
  }
  if (offset > log.end) {
    throw ambiguous(
      options,
      `the log ends at ${String(log.end)}, before the committed position ${String(offset)}: the position belongs to another log`,
      LEADS_ON.reCreated,
    );
  }
}

async function recoverByQuery(options: RecoveryOptions, position: SinkPosition): Promise<Recovered> {
  const { offset } = position;
  const last = await options.warehouse.lastOffset(offset);
  await options.faults.reach('max-read');
  const { end: logEnd } = await options.logBounds();
  if (last !== undefined && last >= logEnd) {
    throw ambiguous(
      options,
      `the table has a row of offset ${String(last)}, and the log ends at ${String(logEnd)}`,
      LEADS_ON.reCreated,
    );
  }
  const next = Math.max(offset, last === undefined ? offset : last + 1);
  const topicId = options.committed.topicId ?? position.topicId;
  return { offset: next, durableRows: 0, topicId, byQuery: true, logEnd };
}

async function recoverWithoutCommit(options: RecoveryOptions): Promise<Recovered> {
  const last = await options.warehouse.lastOffset(0);
  await options.faults.reach('max-read');
  if (last !== undefined) {
    throw ambiguous(
      options,
      `nothing is committed, and the table has rows up to offset ${String(last)}. The group's offsets were deleted, have ` +
        'expired, or went with a topic that was deleted and created again',
      (line) => `${LEADS_ON.table(line)} ${LEADS_ON.reCreated(line)}`,
    );
  }
  const { start, end } = await options.logBounds();
  return { offset: start, durableRows: 0, topicId: options.committed.topicId, byQuery: false, logEnd: end };
}

/** What an operator can do. `line` is the command to copy. */
type LeadsOn = (line: (target: string) => string) => string;

const LEADS_ON = {
  table: (line) => `To go on behind the last row of the same log, run ${line('table')}.`,
  gap: (line) => `To accept the gap, run ${line('beginning')}.`,
  reCreated: (line) =>
    'If the topic was re-created, rows of the old log have the coordinates of the new one: move or delete them, then run ' +
    `${line('beginning')}.`,
  elsewhere: (line) =>
    'If another project, dataset or emulator is configured than before, correct that. If the rows are lost, run ' +
    `${line('table')}.`,
} as const satisfies Record<string, LeadsOn>;

function ambiguous(
  { partition }: { readonly partition: TopicPartition },
  found: string,
  leadsOn: LeadsOn,
): RecoveryAmbiguousError {
  const line = (target: string): string =>
    setPositionLine('bq-sink', placeOf(partition.topic), partition.partition, target);
  return new RecoveryAmbiguousError(
    `${partitionName(partition)} stopped: ${found}. ${leadsOn(line)} Then \`POST /admin/resume\`; resume alone changes ` +
      'nothing (docs/sink-protocol.md#when-a-partition-stops).',
  );
}
