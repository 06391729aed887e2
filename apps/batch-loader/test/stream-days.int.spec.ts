import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CE, type OrderPlaced, RAW_ORDER_COLUMNS } from '@orderstream/contracts';
import {
  formatJournalLine,
  JOURNAL_FILE,
  POSITION_FILE,
  RecordCursor,
  SIMULATION_VERSION,
} from '@orderstream/simulation';
import { batchRules } from '../src/batch';
import { GenerateData } from '../src/blocks/generate-data';
import { QualityChecks } from '../src/blocks/quality-checks';
import { runBlocks } from '../src/commands/dry-run';
import { Database } from '../src/duckdb/database';
import { loadScenario } from '../src/orders/scenario-loader';
import { type BlockOutput, type RunPlan } from '../src/runs/run';
import { FolderStore } from '../src/store/folder-store';

/** A day of which the generator has sent events: what is loaded are the orders of the stream, and of other days the history's. */

const START_MS = Date.parse('2026-01-05T09:00:00Z');
const RECORDS = 30_000;
const segment = {
  id: 's-1',
  seed: '1',
  scenario: loadScenario('dirty-day', undefined),
  simulationVersion: SIMULATION_VERSION,
  startMs: START_MS,
  rates: [{ fromMs: START_MS, eventsPerSecond: 3 }],
};

type Row = Readonly<Record<(typeof RAW_ORDER_COLUMNS)[number], string | null>>;

/** Microseconds since 1970 of a time with up to six decimals. */
function micros(time: string): string {
  const [seconds = '', fraction = ''] = time.replace('Z', '').split('.');
  return `${Date.parse(`${seconds}Z`) / 1_000}${fraction.padEnd(6, '0')}`;
}

/** The values of an order as the query has them. */
const rowOf = (order: OrderPlaced): Row =>
  Object.fromEntries(
    RAW_ORDER_COLUMNS.map((name) => {
      const value = order[name];
      if (value === undefined || value === null) return [name, null];
      return [name, name.endsWith('_at') ? micros(String(value)) : String(value)];
    }),
  ) as Row;

interface Sent {
  /** What the validator accepts as it is, by id. */
  readonly accepted: Map<string, Row>;
  /** The ids of what it repairs. */
  readonly repaired: string[];
  /** How often each rule repairs something. */
  readonly repairs: Readonly<Record<string, number>>;
}

function sent(): Sent {
  const cursor = RecordCursor.begin(segment);
  const accepted = new Map<string, Row>();
  const repaired: string[] = [];
  const repairs: Record<string, number> = {};
  for (let number = 0; number < RECORDS; number++) {
    const record = cursor.next();
    if (record === undefined || String(record.headers[CE.type]) !== 'order.placed' || record.value === null) continue;
    if (record.intent.expected !== 'accept' && record.intent.expected !== 'repair') continue;
    const order = JSON.parse(record.value.toString()) as OrderPlaced;
    if (record.intent.expected === 'accept') accepted.set(order.order_id, rowOf(order));
    else repaired.push(order.order_id);
    for (const rule of record.intent.rules) repairs[rule] = (repairs[rule] ?? 0) + 1;
  }
  return { accepted, repaired, repairs };
}

const MEMORY_MB = 256;
const PLAN: RunPlan = {
  pipeline: 'load_batch_to_bq',
  scheduledAt: '2026-02-01T00:00:00Z',
  range: { from: '2026-01-04', to: '2026-01-07' },
  source: {
    kind: 'simulation',
    seed: '1',
    scenario: 'steady',
    rate: { from: '2026-01-04', to: '2026-01-07', orders: 600 },
  },
};

describe('the days of the stream', () => {
  const folder = mkdtempSync(join(tmpdir(), 'orderstream-stream-days-'));
  const journal = join(folder, 'ledger');
  const scenarioOf = (name: string) => loadScenario(name, undefined);

  beforeAll(() => {
    mkdirSync(journal);
    const { announcements } = RecordCursor.begin(segment);
    const line = { kind: 'segment', ...segment, announcements, follows: false } as const;
    appendFileSync(join(journal, JOURNAL_FILE), `${formatJournalLine(line)}\n`);
    const position = { segment: 's-1', acknowledged: RECORDS, reserved: RECORDS, atMs: 0 };
    writeFileSync(join(journal, POSITION_FILE), JSON.stringify(position));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  /** The accepted rows of a run of the blocks before the export, by id. */
  async function accepted(name: string, from: string | undefined): Promise<{ rows: Row[]; output: BlockOutput }> {
    const scratch = join(folder, name);
    mkdirSync(scratch);
    const store = new FolderStore(join(scratch, 'store'));
    const checks = { memoryMb: MEMORY_MB, bucketRows: 200, settings: batchRules, thresholds: {} };
    const blocks = [new GenerateData(MEMORY_MB, scenarioOf, from), new QualityChecks(checks, scenarioOf, undefined)];
    const output = await runBlocks(PLAN, store, scratch, blocks, { write: () => undefined });
    const path = join(scratch, 'accepted.parquet');
    await store.getFile(output.files.find((key) => key.endsWith('accepted.parquet')) ?? '', path);
    const database = await Database.open({ folder: join(scratch, 'reader'), memoryMb: MEMORY_MB });
    try {
      const columns = RAW_ORDER_COLUMNS.map((column) =>
        column.endsWith('_at')
          ? `cast(epoch_us(${column}) as varchar) as ${column}`
          : `cast(${column} as varchar) as ${column}`,
      );
      const rows = await database.rows(`select ${columns.join(', ')} from read_parquet('${path}') order by order_id`);
      return { rows: rows as Row[], output };
    } finally {
      await database.close();
    }
  }
  const isOfStream = ({ order_placed_at: placed }: Row): boolean =>
    new Date(Number(placed) / 1_000).toISOString().startsWith('2026-01-05');

  it('have the orders that the stream has, with the same values, and the other days those of the history', async () => {
    const history = await accepted('history', undefined);
    const loaded = await accepted('stream', journal);
    const { accepted: events, repaired, repairs } = sent();
    expect(events.size).toBeGreaterThan(100);
    expect(repaired.length).toBeGreaterThan(0);
    const rows = loaded.rows.filter(isOfStream);
    expect(rows.map(({ order_id: id }) => id)).toEqual([...events.keys(), ...repaired].sort());
    for (const row of rows) {
      const event = events.get(row.order_id ?? '');
      if (event !== undefined) expect(row).toEqual(event);
    }
    expect(loaded.output.rejected).toEqual({});
    // What the stream repairs, and nothing else.
    expect(loaded.output.flagged).toEqual(repairs);
    const others = (all: readonly Row[]): Row[] => all.filter((row) => !isOfStream(row));
    expect(others(loaded.rows)).toEqual(others(history.rows));
    expect(others(history.rows).length).toBeGreaterThan(200);
  }, 60_000);

  it('cannot be loaded from a damaged journal', async () => {
    const damaged = join(folder, 'damaged');
    mkdirSync(damaged);
    writeFileSync(join(damaged, JOURNAL_FILE), '{"kind":"segment"}\n');
    await expect(accepted('broken', damaged)).rejects.toMatchObject({
      code: 'BATCH_INPUT_INVALID',
      message: expect.stringContaining(`journal in ${damaged} cannot be used`) as string,
    });
  });
});
