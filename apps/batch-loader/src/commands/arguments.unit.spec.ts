import { parseArguments } from './arguments';

const NOW = new Date('2026-02-10T12:34:56.789Z');

describe('the arguments', () => {
  it('name a range of days, both included', () => {
    expect(parseArguments(['--from', '2026-01-01', '--to', '2026-01-31', '--rows', '5000'], NOW)).toMatchObject({
      range: { from: '2026-01-01', to: '2026-02-01' },
      rows: 5_000,
      scheduledAt: '2026-02-10T12:34:56Z',
    });
  });

  it.each([
    [['--from', '2026-01-01'], /belong together/],
    [['--from', '2026-02-30', '--to', '2026-03-01'], /--from is a day such as 2026-01-31, not 2026-02-30/],
    [['--from', '2026-01-02', '--to', '2026-01-01'], /is after/],
    [['--from', '2026-01-02', '--to', '2026-02-10'], /has not ended yet/],
    [['--from', '2026-01-02', '--to', '2026-01-03', '--rows', '0'], /--rows is a whole number from 1/],
    [['--scheduled-at', 'noon'], /--scheduled-at is a time/],
    [['--partition', 'year'], /one of day, month, range/],
    [['--unknown'], /unknown/i],
  ])('%p are rejected', (args, message) => {
    expect(() => parseArguments(args, NOW)).toThrow(message);
  });
});
