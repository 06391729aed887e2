import fc from 'fast-check';
import { LogUnreadableError } from '../index';
import { decodeLog } from './record-batch-decoder';
import { BATCH_HEADER_BYTES } from './record-batch-encoder';

const PLACE = { topic: 't', partition: 0 };
const VALUES = ['order', 'order order order order order order order', '0123456789'.repeat(8)];

/** The batches of these three values out of a broker's log: librdkafka compressed the one, Kafka's Java code the other. */
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

const batchOf = (name: string): Buffer => Buffer.from(BATCHES[name] ?? '', 'base64');
const valuesOf = (log: Buffer): (string | undefined)[] =>
  decodeLog(log, PLACE, 0, []).records.map(({ value }) => value?.toString());

/** The batch with other compressed bytes, and the length that says so. */
function withBytes(batch: Buffer, bytes: Buffer): Buffer {
  const changed = Buffer.concat([batch.subarray(0, BATCH_HEADER_BYTES), bytes]);
  changed.writeInt32BE(changed.length - 12, 8);
  return changed;
}

describe('compressed record batches', () => {
  it.each(Object.keys(BATCHES))('are read: %s', (name) => {
    expect(valuesOf(batchOf(name))).toEqual(VALUES);
  });

  it.each(Object.keys(BATCHES))('are rejected when cut or damaged, with no other error: %s', (name) => {
    const batch = batchOf(name);
    const bytes = batch.subarray(BATCH_HEADER_BYTES);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), fc.boolean(), (at, byte, cut) => {
        const changed = Buffer.from(cut ? bytes.subarray(0, at) : bytes);
        if (!cut) changed[at] = byte;
        try {
          valuesOf(withBytes(batch, changed));
        } catch (error) {
          expect(error).toBeInstanceOf(LogUnreadableError);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('are rejected beyond 128 MiB', () => {
    const snappy = batchOf('snappy of librdkafka (bare block)');
    expect(() => valuesOf(withBytes(snappy, Buffer.from([0x81, 0x80, 0x80, 0x40, 0, 0])))).toThrow('134217728 bytes');
    const block = Buffer.concat([Buffer.from([0x1f, 0x61, 1, 0]), Buffer.alloc(540_000, 255), Buffer.from([0, 0])]);
    const size = Buffer.alloc(4);
    size.writeUInt32LE(block.length);
    const frame = Buffer.concat([Buffer.from('04224d18604082', 'hex'), size, block, Buffer.alloc(4)]);
    expect(() => valuesOf(withBytes(batchOf('lz4 of Java'), frame))).toThrow('134217728 bytes');
  });

  it('are rejected with a codec that is none of the five', () => {
    const batch = batchOf('lz4 of Java');
    batch.writeInt16BE(5, 21);
    expect(() => valuesOf(batch)).toThrow(LogUnreadableError);
  });
});
