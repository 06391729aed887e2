import { RAW_ORDER_COLUMNS } from '@orderstream/contracts';
import { Storage } from '@google-cloud/storage';
import { BATCH_TEST_MS, BatchBench, textOf } from './batch-bench';
import { FakeGcs } from './fake-gcs';

/** Runs whose store is a bucket, from the start of a run to the tables; and a file of a bucket. */

const BUCKET = 'batch';
const hex = (digit: string): string => digit.repeat(64);

describe('a run over Cloud Storage', () => {
  let server: FakeGcs;
  let bench: BatchBench;

  beforeAll(async () => {
    server = await FakeGcs.start(BUCKET);
    bench = new BatchBench({ BATCH_STORE: `gs://${BUCKET}/history`, BATCH_GCS_ENDPOINT: server.endpoint });
  }, 900_000);
  afterAll(async () => {
    server.stop();
    await bench.remove();
  });

  it(
    'loads the same rows as one over a folder, also after a kill',
    async () => {
      const args = ['--from', '2026-01-04', '--to', '2026-01-06', '--rows', '300', '--seed', '5'];
      const time = ['--scheduled-at', '2026-02-01T00:00:00Z'];
      const killed = await bench.run([...args, ...time], { killAt: 'quality_checks/recorded' });
      expect(textOf(killed)).toMatch(/^killed by SIGKILL\n/);
      const resumed = await bench.resume('load_20260201t000000z_20260104_20260106');
      expect(textOf(resumed)).toMatch(/^exit code 0\n/);
      const rows = await bench.rowsOf();
      expect((JSON.parse(rows) as unknown[]).length).toBeGreaterThan(200);
      const folder = new BatchBench();
      try {
        expect(await folder.run(args)).toMatchObject({ code: 0 });
        expect(await folder.rowsOf()).toBe(rows);
      } finally {
        await folder.remove();
      }
    },
    BATCH_TEST_MS,
  );

  it(
    'reads a file of a bucket',
    async () => {
      const storage = new Storage({ apiEndpoint: server.endpoint, projectId: 'test' });
      storage.authClient.cachedCredential = storage.authClient.fromAPIKey('emulator');
      const order = [
        ...[hex('1'), '2026-01-20T10:00:00Z', '', hex('a'), 'Becker and Sons', '7 Mill Road', 'Books', hex('c')],
        ...['2025-01-01T00:00:00Z', '00000000-0000-4000-8000-000000000001', 'Desk lamp', '12.90', '2'],
      ];
      await storage
        .bucket(BUCKET)
        .file('in/orders.csv')
        .save(`${RAW_ORDER_COLUMNS.join(',')}\n${order.join(',')}\n`);
      const days = ['--from', '2026-01-20', '--to', '2026-01-20'];
      const loaded = await bench.run(['--file', `gs://${BUCKET}/in/orders.csv`, ...days]);
      expect(textOf(loaded)).toMatch(/^exit code 0\n/);
      expect(
        await bench.query(`select item_name from ${bench.dataset}.raw_orders where order_id = '${hex('1')}'`),
      ).toEqual([{ item_name: 'Desk lamp' }]);
      const missing = await bench.run(['--file', `gs://${BUCKET}/in/none.csv`, ...days]);
      expect([missing.code, missing.output]).toEqual([1, expect.stringContaining('in/none.csv cannot be read')]);
    },
    BATCH_TEST_MS,
  );
});
