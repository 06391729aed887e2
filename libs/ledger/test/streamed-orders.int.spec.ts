import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CE, type OrderPlaced } from '@orderstream/contracts';
import {
  formatJournalLine,
  JOURNAL_FILE,
  type JournalLine,
  parseScenario,
  POSITION_FILE,
  RecordCursor,
  SIMULATION_VERSION,
} from '@orderstream/simulation';
import { type StreamedDays, streamedOrders } from '../src/streamed-orders';

/** Two hours around midnight: a segment of two days. */
const START_MS = Date.parse('2026-03-02T23:00:00Z');
const DAY_MS = 86_400_000;
const FIRST_DAY_MS = Date.parse('2026-03-02');

const TEXT =
  'name: test\ndescription: A test.\npopulation: { vendors: 12, products: 60, customers: 2000 }\nlate: { share: 0.2 }\n';

function read(folder: string, fromMs: number, toMs: number): StreamedDays & { orders: OrderPlaced[] } {
  const orders: OrderPlaced[] = [];
  const found = streamedOrders(folder, fromMs, toMs);
  for (;;) {
    const { done, value } = found.next();
    if (done === true) return { ...value, orders };
    if (value !== undefined) orders.push(value);
  }
}

describe('the orders of a journal', () => {
  let folder: string;
  const { scenario } = parseScenario(TEXT, 'test.yaml');
  if (scenario === undefined) throw new Error('the scenario has problems');
  const segment = {
    id: 's-1',
    seed: '1',
    scenario,
    simulationVersion: SIMULATION_VERSION,
    startMs: START_MS,
    rates: [{ fromMs: START_MS, eventsPerSecond: 3 }],
    defectRate: 0.1,
  };
  const records = 20_000;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'journal-'));
    const { announcements } = RecordCursor.begin(segment);
    const line: JournalLine = { kind: 'segment', ...segment, announcements, follows: false };
    appendFileSync(join(folder, JOURNAL_FILE), `${formatJournalLine(line)}\n`);
    const position = { segment: 's-1', acknowledged: records, reserved: records + 500, atMs: 0 };
    writeFileSync(join(folder, POSITION_FILE), JSON.stringify(position));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  /** What was sent and is expected to be accepted, by the day on which it was placed. */
  function sent(): Map<string, string[]> {
    const cursor = RecordCursor.begin(segment);
    const byDay = new Map<string, string[]>();
    for (let number = 0; number < records; number++) {
      const record = cursor.next();
      if (record === undefined || String(record.headers[CE.type]) !== 'order.placed' || record.value === null) continue;
      if (record.intent.expected !== 'accept' && record.intent.expected !== 'repair') continue;
      const order = JSON.parse(record.value.toString()) as OrderPlaced;
      const day = order.order_placed_at.slice(0, 10);
      byDay.set(day, [...(byDay.get(day) ?? []), JSON.stringify(order)]);
    }
    return byDay;
  }

  it('are those that the rules accept, of the day on which they were placed', () => {
    const byDay = sent();
    expect([...byDay.keys()].sort()).toEqual(['2026-03-02', '2026-03-03']);
    for (const [day, texts] of byDay) {
      const fromMs = Date.parse(day);
      const { orders, ...rest } = read(folder, fromMs, fromMs + DAY_MS);
      expect(orders.map((order) => JSON.stringify(order)).sort()).toEqual(texts.sort());
      expect(orders.length).toBeGreaterThan(20);
      expect(rest).toEqual({ days: [day], segments: [{ id: 's-1', seed: '1', scenario, orders: orders.length }] });
    }
    const whole = read(folder, FIRST_DAY_MS - 10 * DAY_MS, FIRST_DAY_MS + 10 * DAY_MS);
    expect(whole.days).toEqual(['2026-03-02', '2026-03-03']);
    expect(whole.orders).toHaveLength([...byDay.values()].flat().length);
  });

  it('are none of a day without a record, and none without a journal', () => {
    const none = { days: [], segments: [], orders: [] };
    expect(read(folder, FIRST_DAY_MS - DAY_MS, FIRST_DAY_MS)).toEqual(none);
    expect(read(folder, FIRST_DAY_MS + 9 * DAY_MS, FIRST_DAY_MS + 10 * DAY_MS)).toEqual(none);
    expect(read(join(folder, 'nowhere'), FIRST_DAY_MS, FIRST_DAY_MS + DAY_MS)).toEqual(none);
  });
});
