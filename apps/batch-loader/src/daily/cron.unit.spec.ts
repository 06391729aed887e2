import { CronTimes, isCronExpression } from './cron';

const at = (text: string): Date => new Date(text);

describe('the schedule', () => {
  it('is in UTC', () => {
    expect(new CronTimes('0 2 * * *').after(at('2026-03-28T12:00:00Z'))).toEqual(at('2026-03-29T02:00:00Z'));
  });

  it('finds the latest time that is due', () => {
    const times = new CronTimes('0 2 * * *');
    expect(times.latest(at('2026-01-30T02:00:00Z'), at('2026-02-01T01:59:59Z'))).toEqual(at('2026-01-31T02:00:00Z'));
    expect(times.latest(at('2026-01-31T02:00:00Z'), at('2026-02-01T01:59:59Z'))).toBeUndefined();
    expect(times.latest(at('2026-01-31T02:00:00Z'), at('2026-02-01T02:00:00Z'))).toEqual(at('2026-02-01T02:00:00Z'));
  });

  it.each(['', '0 2 * *', '60 2 * * *', 'daily', '0 0 2 * * *', '0 0 31 2 *'])('rejects %j', (text) => {
    expect(isCronExpression(text)).toBe(false);
  });

  it.each(['0 2 * * *', '*/5 * * * *', '30 3 * * MON-FRI'])('accepts %j', (text) => {
    expect(isCronExpression(text)).toBe(true);
  });
});
