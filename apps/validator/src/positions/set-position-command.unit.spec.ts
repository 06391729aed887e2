import { setPositionCommand } from './set-position-command';

it.each([
  [['--family', 'orders', '--partition', '1', '--to', 'somewhere']],
  [['--family', 'orders', '--partition', '1', '--to', 'table']],
])('prints the usage and exits with 2 for %j', async (argv) => {
  const stderr = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
  try {
    expect(await setPositionCommand(argv, {})).toBe(2);
    expect(stderr.mock.calls.join('')).toContain('usage: set-position');
  } finally {
    stderr.mockRestore();
  }
});
