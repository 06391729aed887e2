import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RAW_ORDER_COLUMNS } from '@orderstream/contracts';
import { BATCH_TEST_MS, BatchBench, textOf } from './batch-bench';
import { FailingProxy } from './failing-proxy';

/** What goes wrong around the export: the tables as they were, a clear error in the history, and each dead letter once. */

const DAYS = ['--from', '2026-01-01', '--to', '2026-01-31'];
const GOOD = 40;
const BAD = 4;
const hex = (text: string): string => text.padStart(64, '0');

/** A CSV file with orders, of which every tenth has no quantity. */
function csv(prefix: string): string {
  const lines = Array.from({ length: GOOD + BAD }, (_, number) => {
    const quantity = number % 11 === 10 ? 'none' : '2';
    const time = `2026-01-${String((number % 28) + 1).padStart(2, '0')}T10:00:00Z`;
    return [
      hex(`${prefix}${number.toString(16)}`),
      ...[time, '4', hex('a'), 'Becker and Sons', '7 Mill Road', 'Books', hex(number.toString(16))],
      ...['2025-01-01T00:00:00Z', '00000000-0000-4000-8000-000000000001', 'Desk lamp', '12.90', quantity],
    ].join(',');
  });
  return `${[RAW_ORDER_COLUMNS.join(','), ...lines].join('\n')}\n`;
}

describe('a batch run that fails', () => {
  let proxy: FailingProxy;
  let bench: BatchBench;
  let file: string;
  let minute = 0;

  beforeAll(async () => {
    bench = new BatchBench();
    proxy = await FailingProxy.start(bench.apiEndpoint);
    file = join(bench.folder, 'orders.csv');
    writeFileSync(file, csv('e'));
    const first = await bench.run(['--file', file, ...DAYS, ...next()], { env: LAX });
    expect(textOf(first)).toMatch(/^exit code 0\n/);
    writeFileSync(file, csv('f'));
  }, BATCH_TEST_MS);
  afterAll(async () => {
    proxy.stop();
    await bench.remove();
  });

  const LAX = { BATCH_MAX_REJECTED_SHARE: '{"*":0.5}' };
  const next = (): string[] => ['--scheduled-at', `2026-02-01T00:${String(++minute).padStart(2, '0')}:00Z`];
  const runId = (): string => `file_20260201t00${String(minute).padStart(2, '0')}00z_20260101_20260131`;
  /** The letters of the present run, which must be all of them, each once. */
  const lettersOf = async (run: string): Promise<number[]> => {
    const letters = (await bench.letters()).filter((letter) => letter.run === run);
    for (const letter of letters) expect(letter).toMatchObject({ reason: 'structure.invalid_field', attempt: 1 });
    return letters.map(({ row }) => row);
  };
  /** Lines of the file: row 0 stands in line 2. */
  const ALL = [10, 21, 32, 43].map((row) => row + 2);

  it(
    'by a threshold leaves the table as it was, has its reason in the history, and each rejected row once',
    async () => {
      const before = await bench.rowsOf();
      const failed = await bench.run(['--file', file, ...DAYS, ...next()]);
      expect([failed.code, failed.output]).toEqual([1, expect.stringContaining('BATCH_THRESHOLD_EXCEEDED')]);
      expect(await bench.rowsOf()).toBe(before);
      expect((await bench.events(runId())).at(-1)).toMatchObject({
        state: 'failed',
        error: expect.stringMatching(/structure\.invalid_field 4.*4 of 44 rows, 9\.09 %, above 5 %/) as string,
      });
      expect(await lettersOf(runId())).toEqual(ALL);
      // It fails again, and nothing is doubled. With a higher threshold it goes on.
      expect(await bench.resume(runId())).toMatchObject({ code: 1 });
      expect(await lettersOf(runId())).toEqual(ALL);
      expect(await bench.resume(runId(), { env: LAX })).toMatchObject({ code: 0 });
      expect(await lettersOf(runId())).toEqual(ALL);
      expect(JSON.parse(await bench.rowsOf())).toHaveLength(GOOD);
      writeFileSync(file, csv('d'));
    },
    BATCH_TEST_MS,
  );

  it.each([
    'quality_checks/wrote accepted.parquet',
    'quality_checks/loaded the rejected rows',
    'quality_checks/recorded',
    'export_to_gbq/checked the stage table',
    'export_to_gbq/replaced the range',
  ])(
    'by a kill at %s has no letter or all of them, and in the end each once',
    async (step) => {
      const killed = await bench.run(['--file', file, ...DAYS, ...next()], { killAt: step, env: LAX });
      expect(textOf(killed)).toMatch(/^killed by SIGKILL\n/);
      expect([[], ALL]).toContainEqual(await lettersOf(runId()));
      expect(await bench.resume(runId(), { env: LAX })).toMatchObject({ code: 0 });
      expect(await lettersOf(runId())).toEqual(ALL);
    },
    BATCH_TEST_MS,
  );

  it(
    'because BigQuery fails between stage and replacement leaves the old rows, and is resumed to the new ones',
    async () => {
      writeFileSync(file, csv('c'));
      const before = await bench.rowsOf();
      proxy.failing = /merge .*raw_orders/s;
      const env = { ...LAX, BIGQUERY_API_ENDPOINT: proxy.url, BATCH_RETRIES: '2' };
      const failed = await bench.run(['--file', file, ...DAYS, ...next()], { env });
      expect([failed.code, failed.output]).toEqual([1, expect.stringContaining('injected')]);
      expect(proxy.rejected).toBeGreaterThanOrEqual(3);
      expect(await bench.rowsOf()).toBe(before);
      const attempts = (await bench.events(runId())).filter(({ block }) => block === 'export_to_gbq');
      expect(attempts.filter(({ state }) => state === 'failed')).toHaveLength(3);
      expect((await bench.events(runId())).at(-1)).toMatchObject({
        block: null,
        state: 'failed',
        error: expect.stringContaining('injected') as string,
      });
      proxy.failing = undefined;
      expect(await bench.resume(runId(), { env })).toMatchObject({ code: 0 });
      const after = await bench.rowsOf();
      expect(after).not.toBe(before);
      expect(JSON.parse(after)).toHaveLength(GOOD);
      expect(await lettersOf(runId())).toEqual(ALL);
      expect(await bench.hasTable(`raw_orders_stage_${runId()}`)).toBe(false);
    },
    BATCH_TEST_MS,
  );

  it(
    'and is cancelled then changes nothing, and cannot be resumed',
    async () => {
      const before = await bench.rowsOf();
      proxy.failing = /merge .*raw_orders/s;
      const env = { ...LAX, BIGQUERY_API_ENDPOINT: proxy.url, BATCH_RETRIES: '0' };
      expect(await bench.run(['--file', file, ...DAYS, ...next()], { env })).toMatchObject({ code: 1 });
      proxy.failing = undefined;
      expect(await bench.run(['runs', 'cancel', runId()])).toMatchObject({
        code: 0,
        output: expect.stringContaining('cancelled') as string,
      });
      expect(await bench.run(['runs', 'resume', runId()])).toMatchObject({
        code: 1,
        output: expect.stringContaining('was cancelled') as string,
      });
      expect(await bench.rowsOf()).toBe(before);
      expect(await bench.hasTable(`raw_orders_stage_${runId()}`)).toBe(false);
    },
    BATCH_TEST_MS,
  );
});
