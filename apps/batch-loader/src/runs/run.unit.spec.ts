import { overlaps, partitionsOf, rangeText, runIdOf } from './run';

describe('a run', () => {
  it('is identified by pipeline, scheduled time and days', () => {
    const range = { from: '2026-01-01', to: '2026-02-01' };
    const plan = { pipeline: 'load_batch_to_bq', scheduledAt: '2026-02-01T02:00:00Z', range } as const;
    expect(runIdOf(plan)).toBe('load_20260201t020000z_20260101_20260131');
    expect(runIdOf({ ...plan, pipeline: 'load_file_to_bq' })).toBe('file_20260201t020000z_20260101_20260131');
    expect(rangeText(range)).toBe('2026-01-01 to 2026-01-31');
  });

  it.each([
    [
      'month',
      '2025-12-30',
      '2026-03-02',
      ['2025-12-30..2026-01-01', '2026-01-01..2026-02-01', '2026-02-01..2026-03-01', '2026-03-01..2026-03-02'],
    ],
    ['month', '2026-01-31', '2026-02-01', ['2026-01-31..2026-02-01']],
    ['range', '2025-12-30', '2026-03-02', ['2025-12-30..2026-03-02']],
    ['day', '2024-02-28', '2024-03-01', ['2024-02-28..2024-02-29', '2024-02-29..2024-03-01']],
  ] as const)('cuts a backfill by %s from %s to %s', (by, from, to, expected) => {
    expect(partitionsOf({ from, to }, by).map((range) => `${range.from}..${range.to}`)).toEqual(expected);
  });

  it('meets another one only if they have a day in common', () => {
    const january = { from: '2026-01-01', to: '2026-02-01' };
    expect(overlaps(january, { from: '2026-02-01', to: '2026-03-01' })).toBe(false);
    expect(overlaps(january, { from: '2026-01-31', to: '2026-02-01' })).toBe(true);
    expect(overlaps({ from: '2025-12-01', to: '2026-03-01' }, january)).toBe(true);
  });
});
