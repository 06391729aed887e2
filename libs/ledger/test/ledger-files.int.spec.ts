import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatLedgerLine, LedgerFormatError, type LedgerIntent } from '@orderstream/contracts';
import { markLedger, readLedgerSince } from '../src/ledger-files';

const intent = (seq: number, partition = 0): LedgerIntent => ({
  seq,
  topic: 'marketplace.orders.raw.v1',
  partition,
  sha256: seq.toString(16).padStart(64, '0'),
  defect: seq % 2 === 0 ? null : 'late',
  expected: 'accept',
});

describe('readLedgerSince', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'ledger-'))));
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  const write = (file: string, ...lines: Parameters<typeof formatLedgerLine>[0][]): void => {
    appendFileSync(join(folder, file), lines.map((line) => `${formatLedgerLine(line)}\n`).join(''));
  };

  it('reads the lines after the mark from old and new files, with the offset of each acknowledged record', async () => {
    write('a.0.ndjson', { kind: 'intents', run: 'a', batch: 0, intents: [intent(1)] });
    writeFileSync(join(folder, 'checkpoint.json'), 'not a ledger');
    const mark = markLedger(folder);
    write('a.0.ndjson', { kind: 'intents', run: 'a', batch: 1, intents: [intent(2, 4), intent(3, 5), intent(4, 4)] });
    const topic = 'marketplace.orders.raw.v1';
    write('a.1.ndjson', {
      kind: 'acks',
      run: 'a',
      batch: 1,
      acks: [
        { topic, partition: 4, baseOffset: 70, count: 2 },
        { topic, partition: 5, baseOffset: 8, count: 1 },
      ],
    });
    const ledger = await readLedgerSince(folder, mark);
    expect([...ledger.entries()]).toEqual([
      { ...intent(2, 4), ackedOffset: 70 },
      { ...intent(3, 5), ackedOffset: 8 },
      { ...intent(4, 4), ackedOffset: 71 },
    ]);
    expect([ledger.intents, ledger.acked]).toEqual([3, 3]);
  });

  it('ignores an incomplete last line, and rejects an incomplete line in the middle', async () => {
    write('a.0.ndjson', { kind: 'intents', run: 'a', batch: 0, intents: [intent(1)] });
    appendFileSync(join(folder, 'a.0.ndjson'), '{"kind":"intents","run":"a","bat');
    expect((await readLedgerSince(folder, new Map())).intents).toBe(1);
    appendFileSync(join(folder, 'a.0.ndjson'), '\n');
    write('a.0.ndjson', { kind: 'intents', run: 'a', batch: 2, intents: [intent(2)] });
    await expect(readLedgerSince(folder, new Map())).rejects.toThrow(LedgerFormatError);
  });
});
