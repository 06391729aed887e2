import { defineSettings, kafkaSettings } from '@orderstream/config';
import { parsePositionArguments, runPartitionCommand } from './partition-command';

const USAGE = 'set-position --family <family> (--partition <number> --to <offset|end> | --all --to <end>)';
const settings = defineSettings({ kafka: kafkaSettings });

const parse = (argv: readonly string[]) => parsePositionArguments(argv, { usage: USAGE, targets: ['end'] });

describe('a command for partitions', () => {
  it.each<[readonly string[], Omit<ReturnType<typeof parse>, 'actor'>]>([
    [['--partition', '0', '--to', '17'], { family: 'orders', partitions: [0], target: 17 }],
    [['--partition', '5', '--to', 'end'], { family: 'orders', partitions: [5], target: 'end' }],
    [['--all', '--to', 'end'], { family: 'orders', partitions: [0, 1, 2, 3, 4, 5], target: 'end' }],
  ])('reads %j', (argv, expected) => {
    expect(parse(['--family', 'orders', ...argv, '--actor', 'ann@example.org'])).toEqual({
      ...expected,
      actor: 'ann@example.org',
    });
    expect(parse(['--family', 'orders', ...argv]).actor).toMatch(/^[\w.@-]{1,64}$/);
  });

  const RETRY = 'marketplace.catalog.validated.v1.retry.bq-sink';
  const parseWithTopics = (argv: readonly string[]) =>
    parsePositionArguments(argv, { usage: USAGE, targets: ['end'], topics: [RETRY] });

  it('reads a topic in place of its family', () => {
    expect(parseWithTopics(['--topic', RETRY, '--partition', '1', '--to', 'end', '--actor', 'ann'])).toEqual({
      actor: 'ann',
      family: 'catalog',
      topic: RETRY,
      partitions: [1],
      target: 'end',
    });
  });

  it.each([
    [['--topic', RETRY, '--family', 'catalog']],
    [['--topic', 'marketplace.catalog.validated.v1']],
    [['--topic', 'elsewhere', '--family', 'catalog']],
    [['--topic', '']],
  ])('does not take %j for a log', (argv) => {
    expect(() => parseWithTopics([...argv, '--all', '--to', 'end'])).toThrow('usage: set-position');
  });

  it.each([
    [[]],
    [['--family', 'orders', '--partition', '6', '--to', 'end']],
    [['--family', 'orders', '--partition', '1', '--to', 'somewhere']],
    [['--family', 'orders', '--partition', '1']],
    [['--family', 'orders', '--to', 'end']],
    [['--family', 'orders', '--all', '--to', '17']],
    [['--family', 'orders', '--all', '--partition', '1', '--to', 'end']],
    [['--family', 'orders', '--all', '--partition', '1', '--to', 'end', '--family', 'unknown']],
    [['--family', 'unknown', '--partition', '1', '--to', '5']],
    [['--famly', 'orders']],
    [['--family', 'orders', '--all', '--to', 'end', '--actor', 'a name']],
    [['--family', 'orders']],
    ...['', ' ', '1e0', '0x1', '+1', '1.0', '-0'].flatMap((text) => [
      [['--family', 'orders', '--partition', text, '--to', 'end']],
      [['--family', 'orders', `--partition=${text}`, '--to', 'end']],
      [['--family', 'orders', '--partition', '1', `--to=${text}`]],
    ]),
    [['--family', 'orders', '--partition', '1', '--to', '9007199254740992']],
  ])('prints the usage and exits with 2 for %j', async (argv) => {
    const stderr = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
    const run = jest.fn();
    try {
      const exitCode = await runPartitionCommand({
        name: 'set-position',
        service: 'probe',
        settings,
        parse: () => parse(argv),
        env: {},
        run,
      });
      expect(exitCode).toBe(2);
      expect(stderr.mock.calls.join('')).toContain('usage: set-position');
      expect(run).not.toHaveBeenCalled();
    } finally {
      stderr.mockRestore();
    }
  });
});
