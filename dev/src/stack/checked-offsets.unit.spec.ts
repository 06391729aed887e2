import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadCheckedOffsets, saveCheckedOffsets } from './checked-offsets';

it('keeps the checked offsets, with a time before which no later record was delivered', () => {
  const folder = mkdtempSync(join(tmpdir(), 'checked-'));
  const file = join(folder, 'data', 'delivered.json');
  expect(loadCheckedOffsets(file)).toEqual({ offsets: [], at: new Date(0) });
  saveCheckedOffsets(file, [3, 0, 7], new Date('2026-01-02T03:04:05Z'));
  expect(loadCheckedOffsets(file)).toEqual({ offsets: [3, 0, 7], at: new Date('2026-01-02T02:54:05Z') });
  rmSync(folder, { recursive: true });
});
