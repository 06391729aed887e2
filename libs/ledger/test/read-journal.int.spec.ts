import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  followsFile,
  formatJournalLine,
  JOURNAL_FILE,
  type JournalLine,
  parseScenario,
  POSITION_FILE,
  RecordCursor,
  SIMULATION_VERSION,
} from '@orderstream/simulation';
import { computeRecordsSince, eventsSince, markJournal } from '../src/read-journal';

const START_MS = Date.parse('2026-03-02T12:00:00Z');

function segmentOf(id: string, startMs: number) {
  const text = 'name: test\ndescription: A test.\npopulation: { vendors: 12, products: 60, customers: 2000 }\n';
  const { scenario } = parseScenario(text, 'test.yaml');
  if (scenario === undefined) throw new Error('the scenario has problems');
  const rates = [{ fromMs: startMs, eventsPerSecond: 100 }];
  return { id, seed: '1', scenario, simulationVersion: SIMULATION_VERSION, startMs, rates, defectRate: 0 };
}

describe('the records of a journal', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'journal-'))));
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const write = (...lines: JournalLine[]): void => {
    appendFileSync(join(folder, JOURNAL_FILE), lines.map((line) => `${formatJournalLine(line)}\n`).join(''));
  };
  const position = (segment: string, acknowledged: number, reserved: number): void => {
    writeFileSync(join(folder, POSITION_FILE), JSON.stringify({ segment, acknowledged, reserved, atMs: 0 }));
  };

  it('are none without a journal', () => {
    expect([markJournal(folder), eventsSince(folder, 0), computeRecordsSince(folder, 0).count]).toEqual([0, 0, 0]);
  });

  it('are computed from a mark on, over segments that follow each other, as far as they may have been sent', () => {
    const first = segmentOf('s-1', START_MS);
    const cursor = RecordCursor.begin(first);
    const { announcements } = cursor;
    const ids: unknown[] = [];
    for (let number = 0; number < 300; number++) ids.push(cursor.next()?.headers['simulation-id']);
    write({ kind: 'segment', ...first, announcements, follows: false });
    position('s-1', 150, 200);
    const mark = markJournal(folder);
    expect(mark).toBe(200);
    expect(eventsSince(folder, 0)).toBe(200 - announcements);
    expect(eventsSince(folder, mark)).toBe(0);

    write({ kind: 'resumed', segment: 's-1', from: 150, until: 200 });
    write({ kind: 'end', segment: 's-1', acknowledged: 300, reserved: 300 });
    const second = segmentOf('s-2', START_MS + 60_000);
    const checkpoint = cursor.checkpoint();
    const follower = RecordCursor.follow(second, checkpoint);
    writeFileSync(join(folder, followsFile('s-2')), JSON.stringify(checkpoint));
    write({ kind: 'segment', ...second, announcements: follower.announcements, follows: true });
    position('s-2', 90, 100);
    for (let number = 0; number < 100; number++) ids.push(follower.next()?.headers['simulation-id']);

    const expected = computeRecordsSince(folder, mark);
    expect(Array.from(expected.all(), ({ id }) => id)).toEqual(ids.slice(200));
    expect(Array.from(expected.all(), ({ seq }) => seq)).toEqual(
      Array.from({ length: 200 }, (_, index) => 200 + index),
    );
    expect(expected.find('s-1:199.0')).toBeUndefined();
    expect(expected.find('s-2:89.0')).toMatchObject({ isAcknowledged: true, maxCopies: 1 });
    expect(expected.find('s-2:90.0')).toMatchObject({ isAcknowledged: false });
    expect(computeRecordsSince(folder, 0).find('s-1:150.0')).toMatchObject({ maxCopies: 2 });
    expect(eventsSince(folder, mark)).toBe(100 + Math.max(0, 100 - follower.announcements));
  });
});
