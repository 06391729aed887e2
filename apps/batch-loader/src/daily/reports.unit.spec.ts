import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Metrics } from '@orderstream/observability';
import { type DailyRun } from './daily-run';
import { DailyMetrics, FailureAlert, MetricsPush } from './reports';

const RUN: DailyRun = {
  id: 'daily_20260201t020000z_20260131_20260131',
  plan: {
    scheduledAt: '2026-02-01T02:00:00Z',
    range: { from: '2026-01-31', to: '2026-02-01' },
    isBackfill: false,
    runs: [],
  },
  state: 'failed',
  createdAt: '2026-02-01T02:00:00Z',
  endedAt: '2026-02-01T02:10:00.000Z',
  error: 'DAILY_BUILD_FAILED: dbt build ended with 1',
  startedBy: ['process 1'],
  steps: {
    load: { attempt: 1, state: 'succeeded', startedAt: '2026-02-01T02:00:00Z', endedAt: '2026-02-01T02:00:30Z' },
    build: { attempt: 4, state: 'failed', startedAt: '2026-02-01T02:01:00Z', endedAt: '2026-02-01T02:10:00Z' },
  },
};
const FAST = { firstPauseMs: 1, timeoutMs: 100 };

describe('the reports of a daily run', () => {
  let server: Server;
  let url: string;
  let received: { path: string; body: string }[];
  /** Statuses of the next answers; 0: no answer. Then 200. */
  let statuses: number[];
  let errors: unknown[];
  const logger = { error: (fields: { err: unknown }) => errors.push(fields.err) } as never;

  beforeEach(async () => {
    [received, statuses, errors] = [[], [], []];
    server = createServer((request, response) => {
      void text(request).then((body) => {
        received.push({ path: request.url ?? '', body });
        const status = statuses.shift() ?? 200;
        if (status !== 0) response.writeHead(status).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  it('say which run has failed, where and why', async () => {
    await new FailureAlert(`${url}/hook`, logger, FAST).ended(RUN);
    expect(received.map(({ path }) => path)).toEqual(['/hook']);
    expect(JSON.parse(received[0]?.body ?? '')).toEqual({
      text: `Daily run ${RUN.id} (2026-01-31 to 2026-01-31) has failed at its step build: ${RUN.error ?? ''}`,
      run: RUN,
    });
  });

  it('are not sent for a run that has succeeded', async () => {
    await new FailureAlert(url, logger, FAST).ended({ ...RUN, state: 'succeeded' });
    expect(received).toEqual([]);
  });

  it('are sent again after errors of the server, and when it does not answer', async () => {
    statuses = [503, 0, 429];
    await new FailureAlert(url, logger, FAST).ended(RUN);
    expect(received).toHaveLength(4);
    expect(errors).toEqual([]);
  });

  it('end after four attempts, and the log does not show the URL', async () => {
    statuses = [500, 500, 500, 500, 200];
    await new FailureAlert(`${url}/secret-path`, logger, FAST).ended(RUN);
    expect(received).toHaveLength(4);
    expect(errors).toEqual([expect.objectContaining({ code: 'ALERT_UNDELIVERED' })]);
    expect(String(errors[0])).toContain('127.0.0.1');
    expect(String(errors[0])).not.toContain('secret-path');
  });

  it('are not sent again when the receiver rejects them', async () => {
    statuses = [404];
    await new FailureAlert(url, logger, FAST).ended(RUN);
    expect(received).toHaveLength(1);
    expect(errors).toHaveLength(1);
  });

  it('have the metrics of the run, and leave the time of the last success after a failure', async () => {
    const metrics = new Metrics({ app: 'batch-loader', processMetrics: false });
    const shown = new DailyMetrics(metrics);
    const push = new MetricsPush(`${url}/`, metrics, logger, FAST);
    shown.ended(RUN);
    await push.ended(RUN);
    expect(received[0]).toMatchObject({ path: '/metrics/job/orderstream-daily' });
    expect(received[0]?.body).toContain('orderstream_daily_run_step_seconds{step="build",app="batch-loader"} 540');
    expect(received[0]?.body).not.toMatch(/^orderstream_daily_run_last_success/m);
    shown.ended({ ...RUN, state: 'succeeded' });
    await push.ended(RUN);
    const seconds = Date.parse('2026-02-01T02:10:00Z') / 1_000;
    expect(received[1]?.body).toContain(
      `orderstream_daily_run_last_success_timestamp_seconds{app="batch-loader"} ${String(seconds)}`,
    );
  });
});
