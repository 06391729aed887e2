import fc from 'fast-check';
import { type KafkaRecord } from '../index';
import { decodeLog } from '../codec/record-batch-decoder';
import { encodeRecordBatch } from '../codec/record-batch-encoder';
import { PartitionQueue } from './partition-queue';

const PLACE = { topic: 't', partition: 0 };
const BOUNDS = { maxQueuedRecords: 20, maxQueuedBytes: 1_000_000 };

const recordAt = (offset: number): KafkaRecord => ({
  ...PLACE,
  offset,
  timestamp: 0,
  key: null,
  value: Buffer.from('v'),
  headers: {},
});

type Step =
  | { kind: 'fetch'; length: number }
  | { kind: 'answer'; which: number }
  | { kind: 'take'; max: number }
  | { kind: 'reopen'; back: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('fetch' as const), length: fc.integer({ min: 1, max: 15 }) }),
  fc.record({ kind: fc.constant('answer' as const), which: fc.nat(5) }),
  fc.record({ kind: fc.constant('take' as const), max: fc.integer({ min: 1, max: 10 }) }),
  fc.record({ kind: fc.constant('reopen' as const), back: fc.nat(30) }),
);

describe('PartitionQueue', () => {
  it('hands over every record from the first offset on, once and in order, whatever answers are late, repeated or outdated', () => {
    fc.assert(
      // `holes`: offsets without a record (markers, aborted records, compacted records).
      fc.property(fc.array(step, { maxLength: 120 }), fc.uniqueArray(fc.nat(300)), (steps, holeList) => {
        const holes = new Set(holeList);
        const queue = new PartitionQueue(PLACE, BOUNDS);
        const inFlight: { offset: number; records: KafkaRecord[]; nextOffset: number; memoryBytes: number }[] = [];
        let expected = 0;
        queue.reset(0);
        for (const action of steps) {
          if (action.kind === 'fetch' && !queue.full) {
            const offset = queue.fetchFrom;
            const nextOffset = offset + action.length;
            const offsets = Array.from({ length: action.length }, (_, i) => offset + i).filter((o) => !holes.has(o));
            inFlight.push({ offset, records: offsets.map(recordAt), nextOffset, memoryBytes: 7 * offsets.length });
          }
          if (action.kind === 'answer' && inFlight.length > 0) {
            // Any answer in flight. It remains there, so that it can come again.
            const answer = inFlight[action.which % inFlight.length];
            if (answer !== undefined) queue.accept(answer);
          }
          if (action.kind === 'reopen') {
            expected = Math.max(expected - action.back, 0);
            queue.reset(expected);
          }
          if (action.kind === 'take') {
            const batch = queue.take(action.max);
            if (batch === undefined) continue;
            expect(batch.records.length).toBeLessThanOrEqual(action.max);
            for (const { offset } of batch.records) {
              while (holes.has(expected)) expected++;
              expect(offset).toBe(expected);
              expected++;
            }
            expect(batch.nextOffset).toBeGreaterThanOrEqual(expected);
            for (; expected < batch.nextOffset; expected++) expect(holes.has(expected)).toBe(true);
            expect(queue.nextOffset).toBe(expected);
          }
          expect(queue.queuedRecords).toBeLessThan(BOUNDS.maxQueuedRecords + 15);
          if (queue.queuedRecords === 0) expect(queue.queuedBytes).toBe(0);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('hands over a batch without records for a piece that has none', () => {
    const queue = new PartitionQueue(PLACE, BOUNDS);
    queue.reset(5);
    expect(queue.take(10)).toBeUndefined();
    expect(queue.accept({ offset: 5, records: [], nextOffset: 9, memoryBytes: 0 })).toBe(true);
    expect(queue.take(10)).toEqual({ ...PLACE, records: [], nextOffset: 9 });
    expect(queue.nextOffset).toBe(9);
  });

  it('counts the bytes of headers: it is full of records that are large only by their headers', async () => {
    const records = Array.from({ length: 8 }, () => ({
      key: null,
      value: null,
      headers: { junk: Buffer.alloc(100_000) },
    }));
    const identity = { producerId: -1n, producerEpoch: -1, firstSequence: -1, transactional: false };
    const log = await encodeRecordBatch(records, identity, 0);
    const queue = new PartitionQueue(PLACE, { maxQueuedRecords: 10_000, maxQueuedBytes: 1_000_000 });
    queue.reset(0);
    for (let pieces = 0; pieces < 2; pieces++) {
      expect(queue.full).toBe(false);
      const offset = queue.fetchFrom;
      log.writeBigInt64BE(BigInt(offset), 0);
      expect(queue.accept({ offset, ...decodeLog(log, PLACE, offset, []) })).toBe(true);
    }
    expect(queue.full).toBe(true);
    expect(queue.queuedBytes).toBeGreaterThanOrEqual(1_600_000);
    // The records of a piece are views into its bytes, which stay until the last of them is handed over.
    queue.take(7);
    expect(queue.queuedBytes).toBeGreaterThanOrEqual(1_600_000);
    queue.take(1);
    expect(queue.queuedBytes).toBeLessThan(1_000_000);
  });
});
