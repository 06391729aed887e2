import { z } from 'zod';

import { Exclusions } from './exclusions';

/** Where a partition stands, as it is committed: everything before `offset` is durable or dead-lettered. */
export interface SinkPosition {
  /** First offset that is neither durable nor dead-lettered, as far as the commit knows. */
  readonly offset: number;
  /** Stream that continues at `offset`, with so many rows in it before; undefined: none, all of it is settled. */
  readonly stream: { readonly name: string; readonly rows: number } | undefined;
  /** Dead-lettered offsets at `offset` and behind it. */
  readonly exclusions: Exclusions;
  /** Id of the topic where known: a topic that was deleted and made anew has another one. */
  readonly topicId: string | undefined;
}

/** Offsets that a bitmap covers at most: 1,000 bytes, of the 4,096 that commit metadata may have. */
export const MAX_EXCLUSION_SPAN = 8_000;

const METADATA = z
  .strictObject({
    v: z.literal(1),
    s: z.string().min(1).optional(),
    n: z.int().min(0).optional(),
    e: z.base64().max(1_400),
    t: z.string().optional(),
  })
  .refine(({ s, n }) => (s === undefined) === (n === undefined));

/** Commit metadata of a position: `{"v":1,"s":stream,"n":stream offset,"e":base64 bitmap,"t":topic id}`. */
export function encodeMetadata({ offset, stream, exclusions, topicId }: SinkPosition): string {
  return JSON.stringify({
    v: 1,
    ...(stream === undefined ? {} : { s: stream.name, n: stream.rows }),
    e: encodeBitmap(offset, exclusions),
    ...(topicId === undefined ? {} : { t: topicId }),
  });
}

/** The position that was committed, or undefined when the metadata is not what a sink of this version writes. */
export function decodePosition(offset: number, metadata: string): SinkPosition | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(metadata);
  } catch {
    return undefined;
  }
  const read = METADATA.safeParse(parsed);
  if (!read.success) return undefined;
  const { s, n, e, t } = read.data;
  return {
    offset,
    stream: s === undefined || n === undefined ? undefined : { name: s, rows: n },
    exclusions: decodeBitmap(offset, e),
    topicId: t,
  };
}

/** Bit i of byte b stands for offset `from` + 8 b + i. */
function encodeBitmap(from: number, exclusions: Exclusions): string {
  const last = exclusions.offsets.at(-1);
  if (last === undefined) return '';
  const first = exclusions.offsets[0] ?? last;
  if (first < from || last - from >= MAX_EXCLUSION_SPAN) {
    throw new RangeError(`exclusions ${String(first)} to ${String(last)} do not fit a bitmap from ${String(from)}`);
  }
  const bitmap = Buffer.alloc(((last - from) >> 3) + 1);
  for (const offset of exclusions.offsets) {
    const bit = offset - from;
    bitmap[bit >> 3] = (bitmap[bit >> 3] ?? 0) | (1 << (bit & 7));
  }
  return bitmap.toString('base64');
}

function decodeBitmap(from: number, base64: string): Exclusions {
  const offsets: number[] = [];
  Buffer.from(base64, 'base64').forEach((byte, index) => {
    for (let bit = 0; bit < 8; bit++) if ((byte & (1 << bit)) !== 0) offsets.push(from + index * 8 + bit);
  });
  return Exclusions.of(offsets);
}

/** How far records, in the order of the log, are durable already. */
export interface Passed {
  /** Index of the first record that is neither among the durable rows nor excluded; the length if there is none. */
  readonly index: number;
  /** Durable rows that are still to be found in the records that follow. */
  readonly remaining: number;
}

/**
 * Recovery's arithmetic: `remaining` rows are durable beyond the position. They are the first records from there on that
 * are not excluded. Transaction markers take offsets and are no records, so records are counted, never offsets.
 */
export function passDurable(
  records: readonly { readonly offset: number }[],
  remaining: number,
  exclusions: Exclusions,
): Passed {
  let left = remaining;
  for (const [index, { offset }] of records.entries()) {
    if (exclusions.has(offset)) continue;
    if (left === 0) return { index, remaining: 0 };
    left--;
  }
  return { index: records.length, remaining: left };
}
