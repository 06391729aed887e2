import { setPositionCommand } from './set-position-command';

it.each([
  [[]],
  [['--family', 'orders', '--partition', '6', '--to', 'end']],
  [['--family', 'orders', '--partition', '1', '--to', 'somewhere']],
  [['--family', 'orders', '--partition', '1']],
  [['--family', 'orders', '--to', 'end']],
  [['--family', 'orders', '--all', '--to', '17']],
  [['--family', 'orders', '--all', '--partition', '1', '--to', 'end', '--family', 'unknown']],
  [['--famly', 'orders']],
])('prints the usage and exits with 2 for %j', async (argv) => {
  const stderr = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
  try {
    expect(await setPositionCommand(argv, {})).toBe(2);
    expect(stderr.mock.calls.join('')).toContain('usage: set-position');
  } finally {
    stderr.mockRestore();
  }
});
