import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { encodeRecordBatch } from '@orderstream/kafka';

import { NO_PRODUCER } from '../faults/send-poison';
import { findBatch, writeByte } from './stored-batch';

describe('a batch on the disk of the broker', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'segments-'))));
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  const batchAt = async (baseOffset: number, value: string): Promise<Buffer> => {
    const batch = await encodeRecordBatch([{ key: null, value: Buffer.from(value) }], NO_PRODUCER, 1_234);
    batch.writeBigInt64BE(BigInt(baseOffset), 0);
    return batch;
  };

  it('is found in the segment that holds its offset, and one byte of it is changed', async () => {
    const batches = await Promise.all([batchAt(8, 'before'), batchAt(9, 'the batch'), batchAt(10, 'behind')]);
    const file = join(folder, '00000000000000000008.log');
    writeFileSync(join(folder, '00000000000000000000.log'), await batchAt(0, 'earlier'));
    writeFileSync(file, Buffer.concat(batches));
    writeFileSync(join(folder, '00000000000000000011.log'), await batchAt(11, 'later'));
    writeFileSync(join(folder, '00000000000000000008.index'), 'x');

    const found = findBatch(folder, 9);
    expect(found).toEqual({ file, start: batches[0].length, bytes: batches[1] });
    const at = found.bytes.indexOf('batch');
    writeByte(found, at, 0x42);
    expect(readFileSync(file, 'latin1')).toBe(Buffer.concat(batches).toString('latin1').replace('batch', 'Batch'));
    expect(() => findBatch(folder, 12)).toThrow('00000000000000000011.log has no record batch at 12');
  });
});
