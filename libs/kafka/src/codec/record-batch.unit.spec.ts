import { gzipSync, zstdCompressSync } from 'node:zlib';
import { crc32c } from '@node-rs/crc32';
import fc from 'fast-check';
import { headerFields, headersOf, type KafkaRecord, LogUnreadableError } from '../index';
import { decodeLog } from './record-batch-decoder';
import {
  BATCH_HEADER_BYTES,
  type EncodableRecord,
  encodeRecordBatch,
  estimateRecordBytes,
} from './record-batch-encoder';
import { loadFromKafkajs } from '../client/kafkajs-internals';

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

/** A bound of what one generated record takes in memory. */
const LARGEST_RECORD_BYTES = 10_000;
const GZIP = { attribute: 1, compress: (b: Buffer) => Promise.resolve(gzipSync(b)) };

const ownEntries = (value: object): unknown => Object.entries(value);

/** What the transactional producers 0 to 3 do, one after the other in one partition. */
const transactions = fc.array(
  fc.record({ producer: fc.nat(3), kind: fc.constantFrom('write', 'write', 'commit', 'abort') }),
  { minLength: 1, maxLength: 60 },
);

const CONTROL = 0x20;

/** The log of these transactions; those still open at the end are aborted. `committed`: offsets of committed records. */
async function transactionalLog(steps: readonly { producer: number; kind: string }[]) {
  const batches: { readonly offset: number; readonly records: number; readonly bytes: Buffer }[] = [];
  const aborted: { readonly producerId: bigint; readonly firstOffset: number; readonly markerOffset: number }[] = [];
  const committed: number[] = [];
  const open = new Map<number, number[]>();
  let nextOffset = 0;
  const append = async (producer: number, key: Buffer, records: number, attributes = 0): Promise<number> => {
    const offset = nextOffset;
    const producerId = BigInt(producer);
    const bytes = await encodeRecordBatch(
      Array.from({ length: records }, () => ({ key, value: Buffer.alloc(6) })),
      { ...IDENTITY, producerId, transactional: true },
      0,
    );
    bytes.writeBigInt64BE(BigInt(offset), 0);
    bytes.writeInt16BE(bytes.readInt16BE(21) | attributes, 21);
    bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17);
    batches.push({ offset, records, bytes });
    nextOffset += records;
    return offset;
  };
  const end = async (producer: number, isCommit: boolean): Promise<void> => {
    const offsets = open.get(producer);
    if (offsets?.[0] === undefined) return;
    open.delete(producer);
    const markerOffset = await append(producer, Buffer.from([0, 0, 0, isCommit ? 1 : 0]), 1, CONTROL);
    if (isCommit) committed.push(...offsets);
    else aborted.push({ producerId: BigInt(producer), firstOffset: offsets[0], markerOffset });
  };
  for (const { producer, kind } of steps) {
    if (kind === 'write') {
      // The key of an abort marker: in a record it is only a key.
      const offset = await append(producer, Buffer.alloc(4), 2);
      open.set(producer, [...(open.get(producer) ?? []), offset, offset + 1]);
    } else await end(producer, kind === 'commit');
  }
  for (const producer of [...open.keys()]) await end(producer, false);
  return { batches, aborted, committed };
}

describe('record batches', () => {
  it('decode to what was encoded, whatever the bytes, headers, timestamps and codec', async () => {
    await fc.assert(
      fc.asyncProperty(batch, fc.constantFrom('none', 'gzip', 'zstd'), async (records, codec) => {
        const compression = {
          none: undefined,
          gzip: GZIP,
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

  it('have the same bytes as those of kafkajs for the same records', async () => {
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

  it('are decoded from any offset on, without the incomplete batch at the end of a fetch', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(batch, { minLength: 1, maxLength: 5 }),
        fc.nat(),
        fc.nat(),
        async (batches, cut, skip) => {
          let offset = 0;
          const ends: { bytes: number; offset: number }[] = [{ bytes: 0, offset: 0 }];
          const encodedBatches: Buffer[] = [];
          for (const records of batches) {
            const encoded = await encodeRecordBatch(records, IDENTITY, 0);
            encoded.writeBigInt64BE(BigInt(offset), 0);
            offset += records.length;
            encodedBatches.push(encoded);
            ends.push({ bytes: (ends.at(-1)?.bytes ?? 0) + encoded.length, offset });
          }
          const log = Buffer.concat(encodedBatches);
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

  it('are decoded without the records of aborted transactions, however the producers interleave', async () => {
    await fc.assert(
      fc.asyncProperty(transactions, fc.nat(), async (steps, start) => {
        const { batches, aborted, committed } = await transactionalLog(steps);
        // A fetch response starts with the batch of the offset, and lists the aborted transactions that reach to it.
        const first = batches[start % batches.length] ?? { offset: 0 };
        const decoded = decodeLog(
          Buffer.concat(batches.filter(({ offset }) => offset >= first.offset).map(({ bytes }) => bytes)),
          PLACE,
          first.offset,
          aborted.filter(({ markerOffset }) => markerOffset >= first.offset),
        );
        expect(decoded.records.map(({ offset }) => offset)).toEqual(
          committed.filter((offset) => offset >= first.offset).sort((a, b) => a - b),
        );
        const last = batches.at(-1) ?? { offset: 0, records: 0 };
        expect(decoded.nextOffset).toBe(last.offset + last.records);
      }),
    );
  });

  it('are rejected, with their place, when a byte that the CRC covers was changed', async () => {
    await fc.assert(
      fc.asyncProperty(batch, fc.nat(), fc.integer({ min: 1, max: 255 }), async (records, where, mask) => {
        const encoded = await encodeRecordBatch(records, IDENTITY, 0);
        encoded.writeBigInt64BE(1_234n, 0);
        const at = 17 + (where % (encoded.length - 17));
        encoded[at] = (encoded[at] as number) ^ mask;
        expect(() => decodeLog(encoded, PLACE, 1_234, [])).toThrow(LogUnreadableError);
        expect(() => decodeLog(encoded, PLACE, 1_234, [])).toThrow('t/3@1234 (offsets 1234 to ');
      }),
    );
  });

  it('are all decoded that lie before a damaged one, and only the next call fails', async () => {
    const good = await encodeRecordBatch([{ value: 'a' }, { value: 'b' }], IDENTITY, 0);
    const bad = await encodeRecordBatch([{ value: 'c' }], IDENTITY, 0);
    bad.writeBigInt64BE(2n, 0);
    bad[bad.length - 1] = (bad.at(-1) ?? 0) ^ 1;
    const log = Buffer.concat([good, bad]);
    const { records, nextOffset } = decodeLog(log, PLACE, 0, []);
    expect([records.map(({ value }) => String(value)), nextOffset]).toEqual([['a', 'b'], 2]);
    expect(() => decodeLog(log, PLACE, 2, [])).toThrow('t/3@2 (offsets 2 to 2, 1 records');
  });

  it('are decoded in pieces of bounded memory, from any offset on', async () => {
    await fc.assert(
      fc.asyncProperty(batch, fc.constantFrom(undefined, GZIP), fc.nat(3_000), async (records, codec, maxBytes) => {
        const encoded = await encodeRecordBatch(records, IDENTITY, 0, codec);
        const whole = decodeLog(encoded, PLACE, 0, []);
        const read: KafkaRecord[] = [];
        for (let from = 0; from < records.length;) {
          const piece = decodeLog(encoded, PLACE, from, [], maxBytes);
          expect(piece.nextOffset).toBe(from + piece.records.length);
          // The last record may exceed the bound, by at most its own size.
          if (piece.records.length > 1) expect(piece.memoryBytes).toBeLessThan(maxBytes + LARGEST_RECORD_BYTES);
          read.push(...piece.records);
          from = piece.nextOffset;
        }
        expect(read).toEqual(whole.records);
      }),
    );
  });

  it('take at least the memory of their keys, values, header names and header values', async () => {
    await fc.assert(
      fc.asyncProperty(batch, async (records) => {
        const { memoryBytes } = decodeLog(await encodeRecordBatch(records, IDENTITY, 0), PLACE, 0, []);
        const bytes = records.flatMap(({ key, value, headers }) => [
          key?.length ?? 0,
          value?.length ?? 0,
          ...Object.entries(headers).flatMap(([name, values]) =>
            [values].flat().map((one) => Buffer.byteLength(name) + one.length),
          ),
        ]);
        expect(memoryBytes).toBeGreaterThanOrEqual(bytes.reduce((sum, each) => sum + each, 0));
      }),
    );
  });

  it('have their headers in the order in which they were written, whatever their names', async () => {
    const name = fc.oneof(
      fc.constantFrom('a', 'b', '7', '10', '__proto__', 'constructor'),
      fc.string({ maxLength: 3 }),
    );
    const fields = fc.array(fc.tuple(name, fc.option(bytes)), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(fc.array(fields, { minLength: 1, maxLength: 5 }), async (lists) => {
        const records = lists.map((list) => ({ key: null, value: null, headers: headersOf(list) }));
        const once = decodeLog(await encodeRecordBatch(records, IDENTITY, 0), PLACE, 0, []).records;
        expect(once.map(({ headers }) => headerFields(headers))).toEqual(lists);
        // What was decoded is encoded in the same order, as a dead letter or a replay does it.
        const twice = decodeLog(await encodeRecordBatch(once, IDENTITY, 0), PLACE, 0, []).records;
        expect(twice.map(({ headers }) => headerFields(headers))).toEqual(lists);
      }),
    );
  });

  it('have the values of their headers, however often adjacent records repeat them', async () => {
    const value = fc.constantFrom(null, '', 'a', 'b', 'ab', 'a longer value');
    const names = ['one', 'two', 'three'];
    const lists = fc.array(fc.tuple(value, value, value), { minLength: 1, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(lists, async (values) => {
        const fields = values.map((list) =>
          list.map((text, i) => [names[i] as string, text && Buffer.from(text)] as const),
        );
        const records = fields.map((list) => ({ key: null, value: null, headers: headersOf(list) }));
        const decoded = decodeLog(await encodeRecordBatch(records, IDENTITY, 0), PLACE, 0, []).records;
        expect(
          decoded.map(({ headers }) => headerFields(headers).map(([, bytes]) => bytes?.toString() ?? null)),
        ).toEqual(values);
      }),
    );
  });

  it('are at most as large as estimated', async () => {
    await fc.assert(
      fc.asyncProperty(batch, async (records) => {
        const encoded = await encodeRecordBatch(records, IDENTITY, 0);
        const estimated = records.reduce((sum, r) => sum + estimateRecordBytes(r), BATCH_HEADER_BYTES);
        expect(encoded.length).toBeLessThanOrEqual(estimated);
      }),
    );
  });

  it('hold a null header, which kafkajs cannot encode', async () => {
    const records = [{ key: null, value: null, headers: { h: null } }] as unknown as EncodableRecord[];
    expect(decodeLog(await encodeRecordBatch(records, IDENTITY, 0), PLACE, 0, []).records[0]?.headers).toEqual({
      h: null,
    });
  });
});
