import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { createZstdCompress, gzipSync, zstdCompressSync } from 'node:zlib';
import { crc32c } from '@node-rs/crc32';
import fc from 'fast-check';
import { type KafkaRecord, LogUnreadableError } from '../index';
import { decodeLargeBatch, decodeLog, MAX_DECODED_BYTES } from './record-batch-decoder';
import { BATCH_HEADER_BYTES, encodeRecordBatch } from './record-batch-encoder';
import { RecordAssembly } from './record-assembly';

const PLACE = { topic: 't', partition: 0 };
const IDENTITY = { producerId: -1n, producerEpoch: -1, firstSequence: -1, transactional: false };
const CODECS = {
  gzip: { attribute: 1, compress: (bytes: Buffer) => Promise.resolve(gzipSync(bytes)) },
  zstd: { attribute: 4, compress: (bytes: Buffer) => Promise.resolve(zstdCompressSync(bytes)) },
};

/** The records of the batch from `fromOffset` on, as fetches from one offset after the other get them. */
async function readInPieces(
  log: Buffer,
  fromOffset: number,
  end: number,
  maxBatchBytes?: number,
): Promise<KafkaRecord[][]> {
  const pieces: KafkaRecord[][] = [];
  for (let from = fromOffset; from < end;) {
    const decoded = decodeLog(log, PLACE, from, []);
    const piece =
      decoded.large !== undefined && decoded.records.length === 0
        ? await decodeLargeBatch(decoded.large, PLACE, maxBatchBytes)
        : decoded;
    expect(piece.nextOffset).toBeGreaterThan(from);
    expect(piece.memoryBytes).toBeLessThan(MAX_DECODED_BYTES + 1_000_000);
    pieces.push(piece.records);
    from = piece.nextOffset;
  }
  return pieces;
}

describe('a batch that decompresses to more than fits into memory', () => {
  it.each(Object.entries(CODECS))(
    'is read record by record, in pieces of bounded memory: %s',
    async (_, codec) => {
      const value = Buffer.alloc(500_000, 'a');
      const records = Array.from({ length: 100 }, (__, i) => ({ key: Buffer.from(i.toString()), value }));
      const log = await encodeRecordBatch(records, IDENTITY, 0, codec);
      // 50 MB in less than 200 kB.
      expect(log.length).toBeLessThan(200_000);
      const pieces = await readInPieces(log, 0, 100);
      const read = pieces.flat();
      expect(read.map(({ offset, key }) => `${offset.toString()}=${String(key)}`)).toEqual(
        records.map(({ key }, i) => `${i.toString()}=${String(key)}`),
      );
      expect(read.every((record) => record.value?.equals(value))).toBe(true);
      expect(pieces.length).toBeGreaterThan(2);
      expect((await readInPieces(log, 90, 100)).flat().map(({ offset }) => offset)).toEqual(
        Array.from({ length: 10 }, (__, i) => 90 + i),
      );
    },
    60_000,
  );

  it('comes after the batches before it, and before those behind it', async () => {
    const small = await encodeRecordBatch([{ value: 'first' }], IDENTITY, 0);
    const large = await encodeRecordBatch(
      Array.from({ length: 40 }, () => ({ value: Buffer.alloc(1_000_000) })),
      IDENTITY,
      0,
      CODECS.zstd,
    );
    large.writeBigInt64BE(1n, 0);
    const last = Buffer.from(small);
    last.writeBigInt64BE(41n, 0);
    const read = (await readInPieces(Buffer.concat([small, large, last]), 0, 42)).flat();
    expect(read.map(({ offset }) => offset)).toEqual(Array.from({ length: 42 }, (_, i) => i));
  }, 60_000);

  it('is rejected above its bound, or when its stream is damaged or ends early, with its place, size and the way past it', async () => {
    const one = await encodeRecordBatch([{ value: Buffer.alloc(1_048_576) }], IDENTITY, 0);
    const record = one.subarray(BATCH_HEADER_BYTES);
    const frameOf = (count: number): Promise<Buffer> =>
      buffer(Readable.from(Array<Buffer>(count).fill(record)).pipe(createZstdCompress()));
    const batchOf = (compressed: Buffer): Buffer => {
      const log = Buffer.concat([one.subarray(0, BATCH_HEADER_BYTES), compressed]);
      log.writeBigInt64BE(70n, 0);
      log.writeInt32BE(log.length - 12, 8);
      log.writeInt16BE(4, 21);
      log.writeInt32BE(1_999, 23);
      log.writeInt32BE(2_000, 57);
      log.writeUInt32BE(crc32c(log.subarray(21)), 17);
      return log;
    };
    const read = (compressed: Buffer): Promise<unknown> => readInPieces(batchOf(compressed), 71, 2_070, 32 * 1_048_576);
    const tooLarge: unknown = await read(await frameOf(33)).catch((error: unknown) => error);
    expect(tooLarge).toBeInstanceOf(LogUnreadableError);
    expect(tooLarge).toMatchObject({
      batch: { ...PLACE, baseOffset: 70, lastOffset: 2_069, nextOffset: 2_070, records: 2_000, codec: 4 },
    });
    const { message } = tooLarge as Error;
    expect(message).toContain('t/0@70 (offsets 70 to 2069, 2000 records, ');
    expect(message).toContain('zstd) cannot be decoded: it decompresses to more than 33554432 bytes');
    expect(message).toContain('kafka-dump-log.sh shows the log segment');
    const short = await frameOf(20);
    await expect(read(short)).rejects.toThrow('it ends 1980 records before its count');
    await expect(read(short.subarray(0, short.length >> 1))).rejects.toThrow(LogUnreadableError);
    const damaged = Buffer.from(short).fill(0xff, short.length >> 1);
    await expect(read(damaged)).rejects.toThrow(LogUnreadableError);
  }, 60_000);
});

describe('RecordAssembly', () => {
  it('finds every record, wherever the stream is cut into chunks', async () => {
    const value = fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes));
    await fc.assert(
      fc.asyncProperty(
        fc.array(value, { minLength: 1, maxLength: 12 }),
        fc.array(fc.nat({ max: 5_000 }), { maxLength: 30 }),
        async (values, cuts) => {
          const batch = await encodeRecordBatch(
            values.map((each) => ({ value: each })),
            IDENTITY,
            0,
          );
          const stream = batch.subarray(BATCH_HEADER_BYTES);
          const edges = [0, ...cuts.map((cut) => cut % (stream.length + 1)), stream.length].sort((a, b) => a - b);
          const assembly = new RecordAssembly();
          const found: (Buffer | null)[] = [];
          for (const [i, edge] of edges.entries()) {
            assembly.add(stream.subarray(edge, edges[i + 1] ?? edge));
            for (let cursor = assembly.next(); cursor !== undefined; cursor = assembly.next()) {
              cursor.varint();
              cursor.offset++;
              cursor.varint();
              cursor.varint();
              cursor.bytes();
              found.push(cursor.bytes());
            }
          }
          expect(found).toEqual(values);
        },
      ),
    );
  });
});
