import { randomBytes } from 'node:crypto';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { crc32c } from './crc32c';
import { decodeLog } from './record-batch-decoder';
import {
  BATCH_HEADER_BYTES,
  type EncodableRecord,
  encodeRecordBatch,
  estimateRecordBytes,
} from './record-batch-encoder';
import { loadFromKafkajs } from '../client/kafkajs-internals';
import { chunkRecords } from '../produce/chunks';
import { murmur2, partitionFor } from '../produce/partitioner';
import { RecordTooLargeError } from '../index';

const PLACE = { topic: 't', partition: 3 };
const IDENTITY = { producerId: 7n, producerEpoch: 1, firstSequence: 5, transactional: false };

const bytes = fc.uint8Array({ maxLength: 300 }).map((b) => Buffer.from(b));
const headerName = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }),
  fc.constantFrom('__proto__', 'constructor', 'a'),
);
const headers = fc
  .array(fc.tuple(headerName, fc.oneof(bytes, fc.array(bytes, { minLength: 2, maxLength: 3 }))), { maxLength: 5 })
  .map((entries) => {
    const own: Record<string, Buffer | Buffer[]> = {};
    for (const [name, value] of entries)
      Object.defineProperty(own, name, { value, enumerable: true, configurable: true, writable: true });
    return own;
  });
const record = fc.record({
  key: fc.option(bytes),
  value: fc.option(bytes),
  headers,
  timestamp: fc.integer({ min: 0, max: 4_000_000_000_000 }),
});
const batch = fc.array(record, { minLength: 1, maxLength: 20 });

const ownEntries = (value: object): unknown => Object.entries(value);

describe('record batches', () => {
  it('decode to what was encoded, whatever the bytes, headers and timestamps', async () => {
    await fc.assert(
      fc.asyncProperty(batch, fc.constantFrom('none', 'gzip', 'zstd'), async (records, codec) => {
        const compression = {
          none: undefined,
          gzip: { attribute: 1, compress: (b: Buffer) => Promise.resolve(gzipSync(b)) },
          zstd: { attribute: 4, compress: (b: Buffer) => Promise.resolve(zstdCompressSync(b)) },
        }[codec];
        const encoded = await encodeRecordBatch(records, IDENTITY, 0, compression);
        const decoded = decodeLog(encoded, PLACE, 0, []);
        expect(decoded.nextOffset).toBe(records.length);
        expect(decoded.records.map((r) => ({ ...r, headers: ownEntries(r.headers) }))).toEqual(
          records.map((r, offset) => ({ ...PLACE, ...r, offset, headers: ownEntries(r.headers) })),
        );
      }),
    );
  });

  it('are the bytes that kafkajs makes of the same records', async () => {
    const theirs = loadFromKafkajs('kafkajs/src/protocol/recordBatch/v0/index.js') as {
      RecordBatch: (batch: object) => Promise<{ buffer: Buffer }>;
    };
    const theirRecord = loadFromKafkajs('kafkajs/src/protocol/recordBatch/record/v0/index.js') as (r: object) => object;
    await fc.assert(
      fc.asyncProperty(batch, fc.boolean(), async (records, transactional) => {
        const same = records.map((r) => ({ ...r, timestamp: 1_700_000_000_000 }));
        const expected = await theirs.RecordBatch({
          compression: 0,
          firstTimestamp: 1_700_000_000_000,
          maxTimestamp: 1_700_000_000_000,
          partitionLeaderEpoch: -1,
          producerId: '7',
          producerEpoch: 1,
          firstSequence: 5,
          transactional,
          lastOffsetDelta: same.length - 1,
          records: same.map((r, offsetDelta) => theirRecord({ ...r, offsetDelta, timestampDelta: 0 })),
        });
        const ours = await encodeRecordBatch(same, { ...IDENTITY, transactional }, 0);
        expect(ours.equals(expected.buffer)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('are cut by a fetch without harm, and read on from an offset within', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(batch, { minLength: 1, maxLength: 5 }),
        fc.nat(),
        fc.nat(),
        async (batches, cut, skip) => {
          let offset = 0;
          const ends: { bytes: number; offset: number }[] = [{ bytes: 0, offset: 0 }];
          const parts: Buffer[] = [];
          for (const records of batches) {
            const encoded = await encodeRecordBatch(records, IDENTITY, 0);
            encoded.writeBigInt64BE(BigInt(offset), 0);
            offset += records.length;
            parts.push(encoded);
            ends.push({ bytes: (ends.at(-1)?.bytes ?? 0) + encoded.length, offset });
          }
          const log = Buffer.concat(parts);
          const whole = log.subarray(0, cut % (log.length + 1));
          const end = ends.filter((e) => e.bytes <= whole.length).at(-1)?.offset ?? 0;
          const from = skip % (offset + 1);
          const decoded = decodeLog(whole, PLACE, from, []);
          expect(decoded.nextOffset).toBe(Math.max(end, from));
          expect(decoded.records.map((r) => r.offset)).toEqual(
            Array.from({ length: Math.max(end - from, 0) }, (_, i) => from + i),
          );
        },
      ),
    );
  });

  it('are never larger than estimated', async () => {
    await fc.assert(
      fc.asyncProperty(batch, async (records) => {
        const encoded = await encodeRecordBatch(records, IDENTITY, 0);
        const estimated = records.reduce((sum, r) => sum + estimateRecordBytes(r), BATCH_HEADER_BYTES);
        expect(encoded.length).toBeLessThanOrEqual(estimated);
      }),
    );
  });

  it('write a null header, which kafkajs cannot', async () => {
    const records = [{ key: null, value: null, headers: { h: null } }] as unknown as EncodableRecord[];
    expect(decodeLog(await encodeRecordBatch(records, IDENTITY, 0), PLACE, 0, []).records[0]?.headers).toEqual({
      h: null,
    });
  });

  it('have the CRC-32C of RFC 3720, B.4', () => {
    expect(crc32c(Buffer.alloc(32), 0, 32)).toBe(0x8a9136aa);
    expect(crc32c(Buffer.alloc(32, 0xff), 0, 32)).toBe(0x62a8ab43);
    expect(crc32c(Buffer.from(Array.from({ length: 32 }, (_, i) => i)), 0, 32)).toBe(0x46dd794e);
    expect(crc32c(Buffer.from('xx123456789'), 2, 11)).toBe(0xe3069283);
  });
});

describe('chunks', () => {
  const output = fc.record({
    topic: fc.constantFrom('a', 'b'),
    partition: fc.nat(2),
    key: fc.constant(null),
    value: fc.nat(900).map((n) => Buffer.alloc(n)),
    headers: fc.constant({}),
  });

  it('keep every record, the order within a partition, and the bound', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(output, { maxLength: 100 }), async (records) => {
        const chunks = chunkRecords(records, 2_000);
        for (const topic of ['a', 'b']) {
          for (const partition of [0, 1, 2]) {
            const sent = chunks.flatMap((c) =>
              c.topics.filter((t) => t.topic === topic).flatMap((t) => t.partitions.get(partition) ?? []),
            );
            expect(sent).toEqual(records.filter((r) => r.topic === topic && r.partition === partition));
          }
        }
        for (const { topics } of chunks) {
          const batches = topics.flatMap(({ partitions }) => [...partitions.values()]);
          const sizes = await Promise.all(batches.map(async (b) => (await encodeRecordBatch(b, IDENTITY, 0)).length));
          expect(sizes.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(2_000);
        }
      }),
    );
  });

  it('compress a record by itself that fits no request, and only that', () => {
    const sizes = [100, 5_000, 100];
    const records = sizes.map((size) => ({
      topic: 'a',
      partition: 0,
      key: null,
      value: Buffer.alloc(size),
      headers: {},
    }));
    const chunks = chunkRecords(records, 2_000);
    expect(chunks.map(({ compress }) => compress)).toEqual([false, true, false]);
    expect(chunks.flatMap(({ topics }) => topics.flatMap(({ partitions }) => partitions.get(0) ?? []))).toEqual(
      records,
    );
  });

  it('reject a record that fits no request, compressed neither', () => {
    const value = randomBytes(2_000);
    expect(() => chunkRecords([{ topic: 'a', partition: 0, key: null, value, headers: {} }], 2_000)).toThrow(
      RecordTooLargeError,
    );
  });
});

describe('partitionFor', () => {
  // UtilsTest.testMurmur2 of the Java client.
  it.each([
    ['21', -973_932_308],
    ['foobar', -790_332_482],
    ['a-little-bit-long-string', -985_981_536],
    ['a-little-bit-longer-string', -1_486_304_829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58_897_971],
    ['abc', 479_470_107],
  ])('hashes %s as the Java client does', (key, hash) => {
    expect(murmur2(Buffer.from(key))).toBe(hash);
    expect(partitionFor(key, 6)).toBe((hash & 0x7fffffff) % 6);
  });
});
