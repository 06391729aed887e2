import { CronTimes } from './cron';
import { followSchedule } from './follow-schedule';

/** Follows a schedule with a clock of its own, from one time until another. @returns the runs */
async function follow(
  expression: string,
  { from, until, runMs = 0 }: { readonly from: string; readonly until: string; readonly runMs?: number },
): Promise<readonly string[]> {
  const stop = new AbortController();
  const runs: string[] = [];
  let nowMs = Date.parse(from);
  const advance = (ms: number): Promise<void> => {
    nowMs += ms;
    if (nowMs >= Date.parse(until)) stop.abort();
    return Promise.resolve();
  };
  await followSchedule({
    times: new CronTimes(expression),
    signal: stop.signal,
    now: () => new Date(nowMs),
    sleep: advance,
    run: (due, isCatchUp) => {
      runs.push(`${due.toISOString().slice(5, 16)}${isCatchUp ? ' late' : ''}`);
      return advance(runMs);
    },
  });
  return runs;
}

describe('the schedule', () => {
  it('runs the time that was missed before the start, and then each one once', async () => {
    const found = await follow('0 2 * * *', { from: '2026-02-01T05:00:00Z', until: '2026-02-03T05:00:00Z' });
    expect(found).toEqual(['02-01T02:00 late', '02-02T02:00', '02-03T02:00']);
  });

  it('runs no time that was missed for more than a day', async () => {
    const runs = await follow('0 2 * * MON', { from: '2026-02-03T05:00:00Z', until: '2026-02-04T05:00:00Z' });
    expect(runs).toEqual([]);
  });

  it('runs the latest of the times that pass during a run', async () => {
    const options = { from: '2026-02-01T00:00:30Z', until: '2026-02-01T00:09:00Z', runMs: 200_000 };
    const runs = await follow('* * * * *', options);
    expect(runs).toEqual(['02-01T00:00 late', '02-01T00:03', '02-01T00:07']);
  });
});
