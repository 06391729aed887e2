import { loadSettings } from '@orderstream/config';
import { batchLoaderSettings } from '../batch-loader.config';
import { planOf } from './daily-command';

const NOW = new Date('2026-02-01T05:00:00Z');
const settings = loadSettings(batchLoaderSettings, {});
const range = { from: '2025-12-20', to: '2026-01-11' };

describe('the plan of a daily run', () => {
  it('is the day before its scheduled time', () => {
    expect(planOf({ scheduledAt: '2026-02-01T02:00:00Z' }, settings, NOW)).toMatchObject({
      range: { from: '2026-01-31', to: '2026-02-01' },
      isBackfill: false,
      runs: [{ pipeline: 'load_batch_to_bq', scheduledAt: '2026-02-01T02:00:00Z' }],
    });
  });

  it('has a run for each month of a backfill, all with the rate of the whole range', () => {
    const { isBackfill, runs } = planOf({ scheduledAt: '2026-02-01T02:00:00Z', range, rows: 900 }, settings, NOW);
    expect(isBackfill).toBe(true);
    expect(runs.map((run) => run.range)).toEqual([
      { from: '2025-12-20', to: '2026-01-01' },
      { from: '2026-01-01', to: '2026-01-11' },
    ]);
    for (const { source } of runs) expect(source).toMatchObject({ rate: { ...range, orders: 900 } });
  });

  it('rejects a day that has not ended', () => {
    expect(() => planOf({ scheduledAt: '2026-02-02T02:00:00Z' }, settings, NOW)).toThrow('has not ended yet');
  });
});

describe('the settings of the daily run', () => {
  it('need a command of dbt with a schedule', () => {
    const load = () => loadSettings(batchLoaderSettings, { BATCH_SCHEDULE: '0 2 * * *' });
    expect(load).toThrow('DAILY_DBT must be set with BATCH_SCHEDULE');
  });

  it('need a schedule for builds of the models between the daily runs', () => {
    const load = () => loadSettings(batchLoaderSettings, { DAILY_REFRESH_MINUTES: '15' });
    expect(load).toThrow('BATCH_SCHEDULE must be set with DAILY_REFRESH_MINUTES');
  });

  it.each([
    ['BATCH_SCHEDULE', 'at two'],
    ['DAILY_SCHEDULED_AT', 'today'],
    ['ALERT_WEBHOOK_URL', 'example.org'],
    ['DAILY_BUILD_TIMEOUT_MINUTES', '0'],
  ])('reject %s=%s', (name, value) => {
    expect(() => loadSettings(batchLoaderSettings, { [name]: value, DAILY_DBT: 'dbt' })).toThrow(name);
  });
});
