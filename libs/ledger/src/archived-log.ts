import { type Family } from '@orderstream/contracts';
import { type RawRecord } from './evidence';
import { type FamilyOffsets } from './snapshot';

/** What a raw topic held before it was deleted: the records that were evaluated. */
export interface ArchivedLog {
  readonly family: Family;
  /** `committed` is the end of the evaluated records. The outputs of all of them, and no others, are below the other ends. */
  readonly offsets: FamilyOffsets;
  /** By partition, in the order of the log. */
  readonly raw: readonly (readonly RawRecord[])[];
}

/** One log of a raw topic between two snapshots. */
export interface LogSpan {
  /** Its number, from 0. */
  readonly log: number;
  readonly from: FamilyOffsets;
  readonly until: FamilyOffsets;
  /** The raw records of each partition; undefined for the present log, which can be read. */
  readonly raw: readonly (readonly RawRecord[])[] | undefined;
}

/**
 * The logs of a family between two snapshots: those that were deleted in between, and the present one. Raw offsets, and the
 * source offsets of dead letters, repeat from log to log: each log is compared by itself, with the outputs of its time.
 *
 * @param archived the deleted logs of the family, all since the first
 * @param first number of the log at the first snapshot
 */
export function logsBetween(
  archived: readonly ArchivedLog[],
  first: number,
  from: FamilyOffsets,
  until: FamilyOffsets,
): readonly LogSpan[] {
  const logs: LogSpan[] = [];
  let begin = from;
  for (const [index, { offsets, raw }] of archived.slice(first).entries()) {
    const start = begin.committed;
    logs.push({
      log: first + index,
      from: begin,
      until: offsets,
      raw: raw.map((records, partition) => records.filter(({ offset }) => offset >= (start[partition] ?? 0))),
    });
    begin = { ...offsets, committed: offsets.committed.map(() => 0) };
  }
  logs.push({ log: first + logs.length, from: begin, until, raw: undefined });
  return logs;
}
