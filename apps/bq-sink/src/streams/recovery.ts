import type { PartitionRef } from '@orderstream/kafka';

import { Exclusions } from './exclusions';
import type { FaultPoints } from './fault-points';
import { decodePosition, type SinkPosition } from './position';
import { RecoveryAmbiguousError } from './sink-errors';
import type { Warehouse } from './warehouse';

/** What the log holds of a partition: from the first offset kept to the last stable one. */
export interface LogBounds {
  readonly start: number;
  readonly end: number;
}

/** Where a new owner begins. No stream is open, and nobody else can add a row. */
export interface Recovered {
  /** First offset to read. */
  readonly offset: number;
  /** Rows from `offset` on that are durable already: to be counted off the records that follow. */
  readonly durableRows: number;
  readonly exclusions: Exclusions;
  readonly topicId: string | undefined;
  /** The stream was gone, so the offset came from a query. */
  readonly byQuery: boolean;
  /** Last stable offset when nobody else could add a row any more: a durable row belongs to a record before it. */
  readonly logEnd: number;
}

export interface RecoveryOptions {
  readonly partition: PartitionRef;
  /** As read after fencing. */
  readonly committed: { readonly offset: number | undefined; readonly metadata: string | undefined };
  /**
   * Asked again when the stream is ended: the log grows, and until then a former owner may have appended what was not in
   * it before.
   */
  readonly logBounds: () => Promise<LogBounds>;
  readonly warehouse: Warehouse;
  /** Waits until no append to a stream that is gone can land any more. Called once at most. */
  readonly wait: () => Promise<void>;
  readonly faults: FaultPoints;
}

/**
 * Finds out what is durable of a partition that was just fenced (docs/sink-protocol.md, Recovery and Fallback).
 *
 * Failure semantics: it changes nothing but the stream, which it ends for whoever still appends to it; so it may be
 * killed and repeated at any step. Where what is known leaves a choice, it throws RecoveryAmbiguousError instead.
 */
export async function recover(options: RecoveryOptions): Promise<Recovered> {
  const { committed } = options;
  const log = await options.logBounds();
  await options.faults.reach('committed-read');
  if (committed.offset === undefined) return fromTheBeginning(options);
  const position = decodePosition(committed.offset, committed.metadata ?? '');
  if (position === undefined) {
    throw ambiguous(options, `offset ${String(committed.offset)} was committed without the metadata of a sink`);
  }
  if (position.offset < log.start) {
    throw ambiguous(
      options,
      `the log begins at ${String(log.start)}, behind the committed position ${String(position.offset)}: what lies between was dropped before it was read`,
    );
  }
  if (position.offset > log.end) {
    throw ambiguous(
      options,
      `the log ends at ${String(log.end)}, before the committed position ${String(position.offset)}: it is not the log that was read`,
    );
  }
  const { offset, stream, exclusions, topicId } = position;
  if (stream === undefined) {
    return { offset, durableRows: 0, exclusions, topicId, byQuery: false, logEnd: log.end };
  }
  const finalized = await options.warehouse.finalize(stream.name);
  await options.faults.reach('finalized');
  if (finalized.kind === 'rows') {
    const durableRows = finalized.rows - stream.rows;
    if (durableRows < 0) {
      throw ambiguous(
        options,
        `stream ${stream.name} holds ${String(finalized.rows)} rows, fewer than the ${String(stream.rows)} committed`,
      );
    }
    const { end: logEnd } = await options.logBounds();
    if (durableRows > logEnd - offset) throw moreRowsThanRecords(options.partition, durableRows, offset, logEnd);
    return { offset, durableRows, exclusions, topicId, byQuery: false, logEnd };
  }
  // Nothing can land in a stream that is ended; in one that is gone, what was under way still may.
  if (finalized.kind === 'gone') await options.wait();
  return byQuery(options, position);
}

/** More rows are durable than the log has records for: rows of another log, or a log that lost its end. */
export function moreRowsThanRecords(
  partition: PartitionRef,
  rows: number,
  from: number,
  end: number,
): RecoveryAmbiguousError {
  return ambiguous(
    { partition },
    `${String(rows)} more rows are durable than the log has records from ${String(from)} to its end ${String(end)}`,
  );
}

async function byQuery(options: RecoveryOptions, position: SinkPosition): Promise<Recovered> {
  const { offset, exclusions, topicId } = position;
  const last = await options.warehouse.lastOffset(offset, exclusions.offsets);
  await options.faults.reach('max-read');
  const { end: logEnd } = await options.logBounds();
  if (last !== undefined && last >= logEnd) {
    throw ambiguous(options, `the table has a row of offset ${String(last)}, and the log ends at ${String(logEnd)}`);
  }
  const next = Math.max(offset, last === undefined ? offset : last + 1);
  return { offset: next, durableRows: 0, exclusions: exclusions.from(next), topicId, byQuery: true, logEnd };
}

async function fromTheBeginning(options: RecoveryOptions): Promise<Recovered> {
  const last = await options.warehouse.lastOffset(0, []);
  await options.faults.reach('max-read');
  if (last !== undefined) {
    throw ambiguous(options, `nothing is committed, and the table has rows up to offset ${String(last)}`);
  }
  const { start, end } = await options.logBounds();
  return {
    offset: start,
    durableRows: 0,
    exclusions: Exclusions.NONE,
    topicId: undefined,
    byQuery: false,
    logEnd: end,
  };
}

function ambiguous(
  { partition: { topic, partition } }: { readonly partition: PartitionRef },
  what: string,
): RecoveryAmbiguousError {
  return new RecoveryAmbiguousError(
    `${topic}/${String(partition)} stopped: ${what}. See docs/sink-protocol.md, "When a partition stops and asks".`,
  );
}
