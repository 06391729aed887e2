import { appendFileSync, cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RecordCheckpoint, type Scenario, SIMULATION_VERSION } from '@orderstream/simulation';
import { Journal, type NewSegment } from '../src/journal/journal';

const newSegment = (id: string): NewSegment => ({
  id,
  seed: '1',
  scenario: { name: 'steady' } as Scenario,
  simulationVersion: SIMULATION_VERSION,
  startMs: 1_000,
  rates: [{ fromMs: 1_000, eventsPerSecond: 5 }],
  defectRate: 0.1,
  announcements: 7,
});
const CHECKPOINT = { position: 9, events: { version: 1 } } as unknown as RecordCheckpoint;

describe('the journal', () => {
  let directory: string;
  beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'orderstream-journal-'))));
  afterEach(() => {
    rmSync(directory, { recursive: true });
  });

  it('is the same after a kill at any point, also within a write', () => {
    const journal = Journal.open(directory);
    const first = journal.nextId();
    expect(first).toMatch(/^s[0-9a-f]{6}-1$/);
    journal.begin(newSegment(first));
    journal.reserve(50, 2_000);
    journal.acknowledge(40);
    journal.store(3_000);
    journal.addRates([{ fromMs: 4_000, eventsPerSecond: 9 }]);
    journal.addResumed(40, 50);
    journal.storeCheckpoint({ segment: first, record: 30, checkpoint: CHECKPOINT });
    journal.end();
    const second = journal.nextId();
    expect(second).toBe(first.replace(/1$/, '2'));
    journal.begin(newSegment(second), CHECKPOINT);
    const left = mkdtempSync(join(tmpdir(), 'orderstream-journal-'));
    cpSync(directory, left, { recursive: true });
    journal.close();
    appendFileSync(join(left, 'journal.ndjson'), '{"kind":"rates","segm');
    writeFileSync(join(left, 'lock'), JSON.stringify({ pid: process.pid, startedAt: 'an earlier start' }));

    const again = Journal.open(left);
    expect(again.last).toMatchObject({
      ...newSegment(second),
      ...{ firstSeq: 50, acknowledged: 0, reserved: 0, follows: true, isEnded: false },
    });
    expect(again.followed()).toEqual(CHECKPOINT);
    expect(again.checkpoint()).toBeUndefined();
    expect(again.atMs).toBe(3_000);
    again.addRates([{ fromMs: 5_000, eventsPerSecond: 2 }]);
    again.close();
    const third = Journal.open(left);
    expect(third.current.rates).toEqual([...newSegment(second).rates, { fromMs: 5_000, eventsPerSecond: 2 }]);
    third.close();
    rmSync(left, { recursive: true });
  });

  it('restores position and checkpoint of a segment that goes on', () => {
    const journal = Journal.open(directory);
    const id = journal.nextId();
    journal.begin(newSegment(id));
    journal.acknowledge(40);
    journal.reserve(50, 2_000);
    journal.storeCheckpoint({ segment: id, record: 30, checkpoint: CHECKPOINT });
    journal.close();
    const again = Journal.open(directory);
    expect(again.current).toMatchObject({ acknowledged: 40, reserved: 50 });
    expect(again.checkpoint()).toEqual({ segment: id, record: 30, checkpoint: CHECKPOINT });
    again.close();
  });

  it('rejects a second generator until the first one closes it', () => {
    const first = Journal.open(directory);
    expect(() => Journal.open(directory)).toThrow(expect.objectContaining({ code: 'LEDGER_IN_USE' }) as Error);
    first.close();
    Journal.open(directory).close();
  });

  it.each([
    ['journal.ndjson', '{"kind":"rates"}\n'],
    ['journal.ndjson', 'no json\n'],
  ])('rejects a damaged %s: %j, and names it', (file, text) => {
    writeFileSync(join(directory, file), text);
    const expected = { code: 'LEDGER_UNREADABLE', message: expect.stringContaining(file) as string };
    expect(() => Journal.open(directory)).toThrow(expect.objectContaining(expected) as Error);
    // The lock is released.
    expect(() => Journal.open(directory)).toThrow(expect.objectContaining({ code: 'LEDGER_UNREADABLE' }) as Error);
  });
});
