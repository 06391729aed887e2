import { crc32c } from '@node-rs/crc32';
import { BATCH_HEADER_BYTES } from './record-batch-encoder';

/** The header of a record batch, magic 2 (Kafka protocol guide, "Record Batch"). */
export interface BatchHeader {
  /** Where the batch begins and ends in its log. */
  readonly start: number;
  readonly end: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
  /** 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd. */
  readonly codec: number;
  readonly isTransactional: boolean;
  readonly isControl: boolean;
  readonly producerId: bigint;
  readonly firstTimestamp: number;
  /** The append time on LogAppendTime topics. */
  readonly maxTimestamp: number;
  readonly hasAppendTime: boolean;
  /** Records in the batch; compaction lowers it. */
  readonly count: number;
}

const MAGIC = 2;
/** Size of the first two fields of a batch: base offset and length. */
const LOG_OVERHEAD = 12;
const CRC_OFFSET = 17;
const ATTRIBUTES_OFFSET = 21;
const CODEC = 0x07;
const LOG_APPEND_TIME = 0x08;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;

/** Offset after the batch at `start`; undefined when the log ends within the batch, as that of a fetch can. */
export function endOfBatch(log: Buffer, start: number): number | undefined {
  if (start + BATCH_HEADER_BYTES > log.length) return undefined;
  const end = start + LOG_OVERHEAD + log.readInt32BE(start + 8);
  return end > log.length ? undefined : end;
}

/** Base offset of the batch at `start`, which no CRC covers. */
export const baseOffsetOf = (log: Buffer, start: number): bigint => log.readBigInt64BE(start);

/** @throws Error when the batch has another format than magic 2 */
export function readBatchHeader(log: Buffer, start: number, end: number): BatchHeader {
  const magic = log.readInt8(start + 16);
  if (magic !== MAGIC || end < start + BATCH_HEADER_BYTES) {
    throw new Error(`it has magic ${magic.toString()} and ${(end - start).toString()} bytes`);
  }
  const baseOffset = Number(baseOffsetOf(log, start));
  if (!Number.isSafeInteger(baseOffset)) throw new Error('its offset is not below 2^53');
  const attributes = log.readInt16BE(start + ATTRIBUTES_OFFSET);
  return {
    start,
    end,
    baseOffset,
    lastOffset: baseOffset + log.readInt32BE(start + 23),
    codec: attributes & CODEC,
    isTransactional: (attributes & TRANSACTIONAL) !== 0,
    isControl: (attributes & CONTROL) !== 0,
    producerId: log.readBigInt64BE(start + 43),
    firstTimestamp: Number(log.readBigInt64BE(start + 27)),
    maxTimestamp: Number(log.readBigInt64BE(start + 35)),
    hasAppendTime: (attributes & LOG_APPEND_TIME) !== 0,
    count: log.readInt32BE(start + 57),
  };
}

/** Whether the batch has the bytes that its producer wrote: the CRC covers all from the attributes on. */
export const isIntact = (log: Buffer, { start, end }: BatchHeader): boolean =>
  crc32c(log.subarray(start + ATTRIBUTES_OFFSET, end)) === log.readUInt32BE(start + CRC_OFFSET);

const CODECS = ['no compression', 'gzip', 'snappy', 'lz4', 'zstd'];

/** Name of a codec, for a message. */
export const codecName = (codec: number): string => CODECS[codec] ?? `codec ${codec.toString()}`;
