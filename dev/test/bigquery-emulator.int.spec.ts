import { type BigQuery, type Job } from '@google-cloud/bigquery';
import { createBigQuery } from '@orderstream/bigquery';
import { waitUntil } from '@orderstream/deadlines';
import { startIsolated } from '../src/isolated-stack';
import { type Component } from '../src/stack/component';

const RESULT_SECONDS = 2;
const ROWS = 5_000;

describe('the BigQuery emulator', () => {
  let bigquery: BigQuery;
  let stop: () => Promise<void>;

  beforeAll(async () => {
    const signal = AbortSignal.timeout(120_000);
    const stack = await startIsolated(process.env, signal, async ({ infrastructure, endpoints, supervisor }) => {
      const emulators = infrastructure.filter(({ name }) => name === 'bigquery-emulator').map(expiringSoon);
      await supervisor.start(emulators, signal);
      return { endpoints };
    });
    stop = stack.stop;
    bigquery = createBigQuery({
      project: stack.endpoints.project,
      dataset: 'unused',
      location: 'US',
      apiEndpoint: stack.endpoints.bigqueryApi,
    });
  }, 150_000);
  afterAll(() => stop());

  it('drops the result of a query after a while, a large one later', async () => {
    const small = await query('SELECT 1 AS n');
    const large = await query(`SELECT n FROM UNNEST(GENERATE_ARRAY(1, ${String(ROWS)})) AS n`);
    expect(await rowsOf(small)).toBe(1);
    await waitUntil(
      async () =>
        rowsOf(small).then(
          () => false,
          () => true,
        ),
      { what: 'the small result to be dropped', deadlineMs: 30_000 },
    );
    expect(await rowsOf(large)).toBe(ROWS);
  }, 60_000);

  async function query(sql: string): Promise<Job> {
    const [job] = await bigquery.createQueryJob({ query: sql, useQueryCache: false });
    await job.getQueryResults();
    return job;
  }
});

const expiringSoon = (emulator: Component): Component => ({
  ...emulator,
  async process(launch) {
    const spec = await emulator.process(launch);
    return { ...spec, env: { ...spec.env, LOCAL_BIGQUERY_RESULT_SECONDS: String(RESULT_SECONDS) } };
  },
});

const rowsOf = async (job: Job): Promise<number> => (await job.getQueryResults())[0].length;
