import { SIMULATION_ID_HEADER } from '@orderstream/contracts';
import { RecordCursor, type SimulatedRecord } from '../index';
import { NOON_MS, scenarioOf, segmentOf } from '../../test/scenarios';

const SCENARIO = scenarioOf('population: { vendors: 12, products: 60, customers: 2000 }\nlifecycleSpeed: 20000\n');
const textOf = ({ headers, key, value, partition }: SimulatedRecord): string =>
  `${partition} ${String(key)} ${JSON.stringify(headers)} ${String(value)}`;
const take = (cursor: RecordCursor, count: number): string[] =>
  Array.from({ length: count }, () => cursor.next()).flatMap((record) =>
    record === undefined ? [] : [textOf(record)],
  );

describe('a cursor of records', () => {
  const segment = () => ({ ...segmentOf(SCENARIO, 200), rates: [{ fromMs: NOON_MS, eventsPerSecond: 200 }] });

  it('names each record by segment, event and copy, and numbers them', () => {
    const cursor = RecordCursor.begin(segment());
    const ids: unknown[] = [];
    for (let number = 0; number < 500; number++) {
      const record = cursor.next();
      ids.push(record?.headers[SIMULATION_ID_HEADER]);
      expect(record?.headers[SIMULATION_ID_HEADER]).toBe(`test:${record?.n}.${record?.copy}`);
      expect(cursor.position).toBe(number + 1);
    }
    expect(new Set(ids).size).toBe(500);
  });

  it('continues from a checkpoint with the same bytes, and announces the catalog with the first events', () => {
    const whole = take(RecordCursor.begin(segment()), 2_000);
    const cursor = RecordCursor.begin(segment());
    const before = take(cursor, 700);
    const checkpoint = JSON.parse(JSON.stringify(cursor.checkpoint())) as ReturnType<RecordCursor['checkpoint']>;
    expect([...before, ...take(RecordCursor.resume(segment(), checkpoint), 1_300)]).toEqual(whole);
    const announced = whole.slice(0, cursor.announcements);
    expect(announced.every((text) => /"(vendor\.onboarded|product\.listed)"/.test(text))).toBe(true);
    expect(whole[cursor.announcements]).not.toContain(
      new Date(NOON_MS).toISOString().slice(0, 19) + '.000Z","vendor_id"',
    );
  });

  it.each(['poisson', 'regular'])('has no session in a gap of its rates, of %s arrivals', (process) => {
    const scenario = scenarioOf(
      `population: { vendors: 12, products: 60, customers: 2000 }\narrivals: { process: ${process} }`,
    );
    const gapped = { ...segmentOf(scenario, 20), rates: [{ fromMs: NOON_MS, eventsPerSecond: 20 }] };
    const cursor = RecordCursor.begin(gapped);
    const before: SimulatedRecord[] = [];
    for (
      let record = cursor.next((NOON_MS + 30_000) * 1_000);
      record;
      record = cursor.next((NOON_MS + 30_000) * 1_000)
    ) {
      before.push(record);
    }
    const fromMs = cursor.nextCellMs;
    gapped.rates.push({ fromMs, eventsPerSecond: 0 }, { fromMs: NOON_MS + 200_000, eventsPerSecond: 20 });
    const starts: number[] = [];
    for (
      let record = cursor.next((NOON_MS + 260_000) * 1_000);
      record;
      record = cursor.next((NOON_MS + 260_000) * 1_000)
    ) {
      before.push(record);
      const text = String(record.value);
      const isStart = text.includes('"session.started"') || (process === 'regular' && text.includes('"order.placed"'));
      if (isStart) starts.push(record.emittedMicros / 1_000);
    }
    expect(starts.filter((ms) => ms > fromMs + 1_100 && ms < NOON_MS + 200_000)).toEqual([]);
    expect(starts.filter((ms) => ms > NOON_MS + 203_000).length).toBeGreaterThan(50);
    // The same from the beginning.
    expect(take(RecordCursor.begin(gapped), before.length)).toEqual(before.map(textOf));
  });
});
