import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { JvmHeap } from './jvm-heap';

// Lines of OpenJDK 17.
const STARTED = '[0.007s] Using Serial\n';
const YOUNG = '[5.543s] GC(4) Pause Young (Allocation Failure) 36M->23M(92M) 196.751ms\n';
const FULL = '[29.412s] GC(33) Pause Full (System.gc()) 85M->84M(92M) 268.052ms\n';

describe('JvmHeap', () => {
  let folder: string;
  let log: string;
  let heap: JvmHeap;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'heap-'));
    log = join(folder, 'gc.log');
    heap = new JvmHeap(100, folder, 'gc.log');
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it('is not known before the first collection', () => {
    expect(heap.usedShare()).toBeUndefined();
    writeFileSync(log, STARTED);
    expect(heap.usedShare()).toBeUndefined();
  });

  it('is what the last collection has left, as a share of the maximum', () => {
    writeFileSync(log, STARTED + YOUNG);
    expect(heap.usedShare()).toBe(0.23);
    appendFileSync(log, YOUNG.repeat(1_000) + FULL);
    expect(heap.usedShare()).toBe(0.84);
    appendFileSync(log, '[30.1s] GC(34) Pause Young (Allocation Fai');
    expect(heap.usedShare()).toBe(0.84);
  });
});
