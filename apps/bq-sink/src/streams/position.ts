import type { PartitionTransactions } from '@orderstream/kafka';
import { z } from 'zod';

/** A committed position: every record before `offset` is durable or dead-lettered, and none from there on is dead-lettered. */
export interface SinkPosition {
  /** First offset that was neither durable nor dead-lettered at the commit. */
  readonly offset: number;
  /** The stream that continues at `offset`, and its rows before that offset; undefined if no stream is open. */
  readonly stream: { readonly name: string; readonly rows: number } | undefined;
  /** Id of the topic, if known. A re-created topic has another id. */
  readonly topicId: string | undefined;
}

/**
 * Whether a position was committed for another topic of the same name: the topic was deleted and re-created. An id that is not
 * known shows nothing.
 */
export const isOtherLog = (committed: string | undefined, present: string | undefined): boolean =>
  committed !== undefined && present !== undefined && committed !== present;

/** What opening the transactions returns, read after the previous owner was fenced. */
export type CommittedPosition = PartitionTransactions['committed'];

const METADATA = z
  .strictObject({
    v: z.literal(2),
    s: z.string().min(1).optional(),
    n: z.int().min(0).optional(),
    log: z.string().min(1).optional(),
  })
  .refine(({ s, n }) => (s === undefined) === (n === undefined));

/** Commit metadata of a position: `{"v":2,"s":stream,"n":stream offset,"log":topic id}`. */
export function encodeMetadata({ stream, topicId }: SinkPosition): string {
  return JSON.stringify({
    v: 2,
    ...(stream === undefined ? {} : { s: stream.name, n: stream.rows }),
    ...(topicId === undefined ? {} : { log: topicId }),
  });
}

/** Reads a committed position; undefined if a sink of this version did not write the metadata. */
export function decodePosition(offset: number, metadata: string): SinkPosition | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(metadata);
  } catch {
    return undefined;
  }
  const read = METADATA.safeParse(parsed);
  if (!read.success) return undefined;
  const { s, n, log } = read.data;
  return {
    offset,
    stream: s === undefined || n === undefined ? undefined : { name: s, rows: n },
    topicId: log,
  };
}
