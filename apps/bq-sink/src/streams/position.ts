import { z } from 'zod';

import { Exclusions } from './exclusions';

/** A committed position: every record before `offset` is durable or dead-lettered. */
export interface SinkPosition {
  /** First offset that was neither durable nor dead-lettered at the commit. */
  readonly offset: number;
  /** The stream that continues at `offset`, and its rows before that offset; undefined if no stream is open. */
  readonly stream: { readonly name: string; readonly rows: number } | undefined;
  /** Dead-lettered offsets at or after `offset`. */
  readonly exclusions: Exclusions;
  /** Id of the topic, if known. A re-created topic has another id. */
  readonly topicId: string | undefined;
}

/** Maximum number of offsets that a bitmap covers: 1,000 bytes of the 4,096 that commit metadata may have. */
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
