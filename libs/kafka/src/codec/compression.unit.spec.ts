import { gzipSync } from 'node:zlib';
import { crc32c } from '@node-rs/crc32';
import fc from 'fast-check';
import { type KafkaRecord, LogUnreadableError } from '../index';
import { decodeLargeBatch, decodeLog } from './record-batch-decoder';
import { BATCH_HEADER_BYTES, encodeRecordBatch } from './record-batch-encoder';

const PLACE = { topic: 't', partition: 0 };
const VALUES = ['order', 'order order order order order order order', '0123456789'.repeat(8)];

/** Batches of these three values, read from a broker's log. librdkafka compressed some, Kafka's Java client the others. */
const BATCHES: Readonly<Record<string, string>> = {
  'snappy of librdkafka (bare block)':
    'AAAAAAAAAAAAAABrAAAAAAK7MNQeAAIAAAACAAABogTCPjoAAAGiBMI+Ov//////////////////AAAAA5gBTBgAAAACawpvcmRlcgBgAAACAmtSBQ0AIIoGAEwAsAEAAAQCa6ABMDEyMzQ1Njc4Of4KAAkKAAA=',
  'snappy of Java (snappy-java framing)':
    'AAAAAAAAAAAAAAB/AAAAAAKF9tylAAIAAAACAAABogTCTYoAAAGiBMJNiv//////////////////AAAAA4JTTkFQUFkAAAAAAQAAAAEAAAA6mAFMGAAAAAJrCm9yZGVyAGAAAAICa1IFDQAgigYATACwAQAABAJroAEwMTIzNDU2Nzg5/goACQoAAA==',
  'lz4 of librdkafka':
    'AAAAAAAAAAAAAAB8AAAAAAKubSh6AAMAAAACAAABogTCQi4AAAGiBMJCLv//////////////////AAAAAwQiTRhgQII8AAAA8QUYAAAAAmsKb3JkZXIAYAAAAgJrUg0AHyAGABD/BQCwAQAABAJroAEwMTIzNDU2Nzg5CgAvUDY3ODkAAAAAAA==',
  'lz4 of Java':
    'AAAAAAAAAAAAAAB8AAAAAAKYs/K3AAMAAAACAAABogTCUWEAAAGiBMJRYf//////////////////AAAAAwQiTRhgQII8AAAA8QUYAAAAAmsKb3JkZXIAYAAAAgJrUg0AHyAGABD/BQCwAQAABAJroAEwMTIzNDU2Nzg5CgAvUDY3ODkAAAAAAA==',
  'zstd of Java':
    'AAAAAAAAAAAAAAB0AAAAAAI404G6AAQAAAACAAABogTCVTQAAAGiBMJVNP//////////////////AAAAAyi1L/0AWLwBAKQCGAAAAAJrCm9yZGVyAGAAAAICa1IgALABAAAEAmugATAxMjM0NTY3ODkAAwCmBWUp5AJhMgEBAAA=',
};

/** Bytes of the compressed data that each format fixes: damage there is always found, although none has a checksum. */
const STRUCTURE: Readonly<Record<string, readonly number[]>> = {
  // The length of the block.
  'snappy of librdkafka (bare block)': [0, 1],
  // The magic bytes, and the two lengths of the first block.
  'snappy of Java (snappy-java framing)': [...range(0, 8), ...range(16, 22)],
  // The magic number, the size of the first block, and the end mark.
  'lz4 of librdkafka': [...range(0, 4), ...range(7, 11), ...range(71, 75)],
  'lz4 of Java': [...range(0, 4), ...range(7, 11), ...range(71, 75)],
  // The magic number.
  'zstd of Java': range(0, 4),
};

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

const batchOf = (name: string): Buffer => Buffer.from(BATCHES[name] ?? '', 'base64');
const bytesOf = (batch: Buffer): Buffer => batch.subarray(BATCH_HEADER_BYTES);

/** A batch of the same values that zlib compressed. */
function gzipBatch(): Promise<Buffer> {
  return encodeRecordBatch(
    VALUES.map((value) => ({ key: 'k', value })),
    { producerId: -1n, producerEpoch: -1, firstSequence: -1, transactional: false },
    0,
    { attribute: 1, compress: (records) => Promise.resolve(gzipSync(records)) },
  );
}

/** The batch with other compressed bytes, and its length and CRC corrected, as a producer with a defect would write it. */
function withBytes(batch: Buffer, bytes: Buffer): Buffer {
  const changed = Buffer.concat([batch.subarray(0, BATCH_HEADER_BYTES), bytes]);
  changed.writeInt32BE(changed.length - 12, 8);
  return sealed(changed);
}

/** Writes the CRC of the batch. */
function sealed(batch: Buffer): Buffer {
  batch.writeUInt32BE(crc32c(batch.subarray(21)), 17);
  return batch;
}

const decode = (log: Buffer): readonly KafkaRecord[] => decodeLog(log, PLACE, 0, []).records;
/** The first piece of a batch that is too large for one buffer. */
async function decodeLarge(log: Buffer): Promise<readonly KafkaRecord[]> {
  const { large } = decodeLog(log, PLACE, 0, []);
  if (large === undefined) throw new Error('the batch is not large');
  return (await decodeLargeBatch(large, PLACE)).records;
}
const valuesOf = (log: Buffer): (string | undefined)[] => decode(log).map(({ value }) => value?.toString());

/** The batch's records; undefined when it is rejected with the error that callers expect. */
function decodeUnlessRejected(log: Buffer): readonly KafkaRecord[] | undefined {
  try {
    return decode(log);
  } catch (error) {
    if (error instanceof LogUnreadableError) return undefined;
    throw error;
  }
}

/** The lengths to which the compressed bytes can be cut with the batch still accepted. */
const acceptedCuts = (batch: Buffer): number[] =>
  range(0, bytesOf(batch).length).filter(
    (length) => decodeUnlessRejected(withBytes(batch, bytesOf(batch).subarray(0, length))) !== undefined,
  );

/** The compressed bytes with some of them replaced. */
const damaged = (bytes: Buffer): fc.Arbitrary<Buffer> =>
  fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }).map((changes) => {
    const copy = Buffer.from(bytes);
    for (const [at, byte] of changes) copy[at] = byte;
    return copy;
  });

describe('compressed record batches', () => {
  it.each(Object.keys(BATCHES))('are read: %s', (name) => {
    expect(valuesOf(batchOf(name))).toEqual(VALUES);
  });

  it.each(Object.keys(BATCHES))('are rejected when cut anywhere: %s', (name) => {
    expect(acceptedCuts(batchOf(name))).toEqual([]);
  });

  it.each(Object.entries(STRUCTURE))('are rejected when the structure is damaged: %s', (name, positions) => {
    const bytes = bytesOf(batchOf(name));
    const accepted = positions.flatMap((at) =>
      range(1, 256).flatMap((mask) => {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] as number) ^ mask;
        return decodeUnlessRejected(withBytes(batchOf(name), changed)) === undefined ? [] : [{ at, mask }];
      }),
    );
    expect(accepted).toEqual([]);
  });

  // Without a checksum, damage elsewhere can decode to other bytes.
  it.each(Object.keys(BATCHES))('cause no other error, and no additional record, when damaged: %s', (name) => {
    const batch = batchOf(name);
    fc.assert(
      fc.property(damaged(bytesOf(batch)), (bytes) => {
        const records = decodeUnlessRejected(withBytes(batch, bytes)) ?? [];
        expect(records.length).toBeLessThanOrEqual(VALUES.length);
      }),
      { numRuns: 500 },
    );
  });

  it('are rejected when cut anywhere, and when damage would change a record: gzip, which has a checksum', async () => {
    const batch = await gzipBatch();
    const records = decode(batch);
    expect(valuesOf(batch)).toEqual(VALUES);
    expect(acceptedCuts(batch)).toEqual([]);
    fc.assert(
      fc.property(damaged(bytesOf(batch)), (bytes) => {
        expect(decodeUnlessRejected(withBytes(batch, bytes)) ?? records).toEqual(records);
      }),
      { numRuns: 500 },
    );
  });

  it('are rejected when they decompress to more than the bound: 128 MiB of snappy and lz4', async () => {
    const snappy = batchOf('snappy of librdkafka (bare block)');
    await expect(decodeLarge(withBytes(snappy, Buffer.from([0x81, 0x80, 0x80, 0x40, 0, 0])))).rejects.toThrow(
      '134217728 bytes',
    );
    const block = Buffer.concat([Buffer.from([0x1f, 0x61, 1, 0]), Buffer.alloc(540_000, 255), Buffer.from([0, 0])]);
    const size = Buffer.alloc(4);
    size.writeUInt32LE(block.length);
    const frame = Buffer.concat([Buffer.from('04224d18604082', 'hex'), size, block, Buffer.alloc(4)]);
    await expect(decodeLarge(withBytes(batchOf('lz4 of Java'), frame))).rejects.toThrow('134217728 bytes');
  });

  it('are rejected with a codec that is none of the five', () => {
    const batch = batchOf('lz4 of Java');
    batch.writeInt16BE(5, 21);
    expect(() => decode(sealed(batch))).toThrow(LogUnreadableError);
  });
});
