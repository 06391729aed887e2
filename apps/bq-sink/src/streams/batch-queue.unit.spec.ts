import type { RowBuffer } from '@orderstream/bigquery';

import { recordAt } from '../../test/simulated-world';
import { BatchQueue, type QueuedBatch } from './batch-queue';
import { MicroBatch, type RowSource } from './micro-batch';

const LIMITS = { lingerMs: 60_000, maxBatchRows: 100, maxBatchBytes: 1_000_000 };
const REASON = { code: 'sink.row_not_encodable' };

/** A queue whose mapper rejects the given offsets, and the buffers that it has encoded into. */
function queueRejecting(isRejected: (offset: number) => boolean): { queue: BatchQueue; buffers: Set<RowBuffer> } {
  const buffers = new Set<RowBuffer>();
  const mapper: RowSource = {
    encode: ({ offset }, rows) => {
      buffers.add(rows);
      if (isRejected(offset)) return REASON;
      rows.beginRow();
      rows.endRow();
      return undefined;
    },
  };
  return { queue: new BatchQueue({ mapper, limits: LIMITS, onDue: () => undefined }), buffers };
}

const offsetsOf = ({ batches }: BatchQueue): readonly (readonly number[])[] =>
  batches.map(({ records }) => records.map(({ offset }) => offset));

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index);

describe('BatchQueue', () => {
  it('divides consecutive rejected records into runs of 20, each of which ends behind its last record', () => {
    const { queue } = queueRejecting((offset) => offset !== 45);
    for (const offset of range(0, 47)) queue.add(recordAt(offset));
    expect(offsetsOf(queue)).toEqual([range(0, 20), range(20, 40), range(40, 45), [45], [46]]);
    expect(queue.batches.map(({ endOffset }) => endOffset)).toEqual([20, 40, 45, 46, 47]);
    queue.close();
  });

  it('settles the offsets behind the last record with the last run', () => {
    const { queue } = queueRejecting(() => true);
    for (const offset of range(0, 21)) queue.add(recordAt(offset));
    expect(queue.extendTo(30)).toBe(true);
    expect(queue.batches.map(({ endOffset }) => endOffset)).toEqual([20, 30]);
  });

  it('allocates no buffer for a record that cannot be encoded', () => {
    const { queue, buffers } = queueRejecting((offset) => offset < 1_000);
    for (const offset of range(0, 1_001)) queue.add(recordAt(offset));
    expect(buffers.size).toBe(1);
    expect(offsetsOf(queue).at(-1)).toEqual([1_000]);
    queue.close();
  });
});

describe('the offsets behind the last record of a queue', () => {
  const sent = (): { queue: BatchQueue; batch: MicroBatch } => {
    const { queue } = queueRejecting(() => false);
    for (const offset of range(0, 4)) queue.add(recordAt(offset));
    queue.seal();
    const batch = queue.due();
    if (!(batch instanceof MicroBatch)) throw new Error('not a batch of rows');
    queue.shift();
    return { queue, batch };
  };

  it('are settled with a batch that is in flight, and not with one that is durable', () => {
    const { queue, batch } = sent();
    expect([queue.extendTo(9), batch.endOffset]).toEqual([true, 9]);
    batch.settled = true;
    expect([queue.extendTo(12), batch.endOffset]).toEqual([false, 9]);
  });

  it.each<[string, (batch: MicroBatch) => readonly QueuedBatch[]]>([
    ['around its rejected rows', (batch) => batch.divide(new Map([[1, REASON]]))],
    ['behind its accepted rows', (batch) => batch.divide(new Map([[3, REASON]]))],
    ['into halves', (batch) => batch.halve()],
  ])('are settled with the last piece of a batch that is divided %s', (_, divide) => {
    const { queue, batch } = sent();
    queue.extendTo(9);
    const pieces = divide(batch);
    queue.putBackPieces(batch, pieces, []);
    expect(pieces.at(-1)?.endOffset).toBe(9);
    expect(queue.extendTo(15)).toBe(true);
    expect(pieces.at(-1)?.endOffset).toBe(15);
    expect(pieces.flatMap(({ records }) => records.map(({ offset }) => offset))).toEqual([0, 1, 2, 3]);
  });
});

it('has no row in a batch that would pass the limit of its bytes', () => {
  const mapper: RowSource = {
    encode: (_, rows) => {
      rows.beginRow();
      rows.lengthDelimited(Buffer.alloc(400));
      rows.endRow();
      return undefined;
    },
  };
  const queue = new BatchQueue({ mapper, limits: { ...LIMITS, maxBatchBytes: 1_000 }, onDue: () => undefined });
  for (const offset of range(0, 5)) queue.add(recordAt(offset));
  queue.seal();
  expect(offsetsOf(queue)).toEqual([[0, 1], [2, 3], [4]]);
  expect(queue.batches.map((batch) => (batch instanceof MicroBatch ? batch.rows.rows : 0))).toEqual([2, 2, 1]);
});

describe('a batch that is divided', () => {
  it('has runs of 20 rejected records at most', () => {
    const { queue } = queueRejecting(() => false);
    for (const offset of range(0, 60)) queue.add(recordAt(offset));
    queue.seal();
    const batch = queue.due();
    if (!(batch instanceof MicroBatch)) throw new Error('not a batch of rows');
    const pieces = batch.divide(new Map(range(5, 50).map((row) => [row, REASON])));
    expect(pieces.map(({ records }) => records.map(({ offset }) => offset))).toEqual([
      range(0, 5),
      range(5, 25),
      range(25, 45),
      range(45, 50),
      range(50, 60),
    ]);
  });
});
