import { UsageError } from '../errors';
import { parseCommandLine, parseDeadLetterLimit } from './cli';

describe('parseCommandLine', () => {
  it('reads the options', () => {
    const args = ['--events', '20', '--exit', '--seed', '0', '--defect-rate', '.5', '--json', '--reset'];
    expect(parseCommandLine(args)).toEqual({
      kind: 'start',
      options: { events: 20, exit: true, rate: 0, seed: 0, defectRate: 0.5, json: true, reset: true, history: 0 },
    });
  });

  it('loads a first history, unless the run ends by itself', () => {
    const historyOf = (...args: string[]): number | undefined => {
      const parsed = parseCommandLine(args);
      return parsed.kind === 'start' ? parsed.options.history : undefined;
    };
    expect([historyOf(), historyOf('--history', '7'), historyOf('--history', '0')]).toEqual([50_000, 7, 0]);
    expect(() => historyOf('--events', '20', '--exit', '--history', '7')).toThrow(UsageError);
  });

  it.each(
    ['', ' ', '1e3', '0x1', '+1', '1.', '-1'].flatMap((text) =>
      ['--events', '--rate', '--seed', '--defect-rate'].map((option) => `${option}=${text}`),
    ),
  )('rejects %j', (option) => {
    expect(() => parseCommandLine([option])).toThrow(UsageError);
  });
});

describe('parseDeadLetterLimit', () => {
  it('reads the number of dead letters, and has a default', () => {
    expect([parseDeadLetterLimit([]), parseDeadLetterLimit(['1000'])]).toEqual([20, 1_000]);
  });

  it.each([[['']], [['1e2']], [['0x10']], [[' 5']], [['0']], [['1001']], [['5', '6']]])('rejects %j', (args) => {
    expect(() => parseDeadLetterLimit(args)).toThrow(UsageError);
  });
});
