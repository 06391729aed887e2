import { scenarioOf } from '../../test/scenarios';
import { formatJournalLine, JournalFormatError, type JournalLine, parseJournal } from './journal';

const segment = (id: string): JournalLine => ({
  kind: 'segment',
  id,
  seed: '1',
  scenario: scenarioOf(''),
  simulationVersion: 1,
  startMs: 5,
  rates: [{ fromMs: 5, eventsPerSecond: 10 }],
  defectRate: 0,
  announcements: 3,
  follows: false,
});
const textOf = (...lines: JournalLine[]): string => lines.map((line) => `${formatJournalLine(line)}\n`).join('');
const positionOf = (id: string, acknowledged: number, reserved: number): string =>
  JSON.stringify({ segment: id, acknowledged, reserved, atMs: 1 });

describe('a journal', () => {
  it('has segments with their rates and how far they were sent, numbered through', () => {
    const text = textOf(
      segment('a'),
      { kind: 'rates', segment: 'a', rates: [{ fromMs: 7, eventsPerSecond: 20 }] },
      { kind: 'resumed', segment: 'a', from: 4, until: 9 },
      { kind: 'end', segment: 'a', acknowledged: 30, reserved: 40 },
      segment('b'),
    );
    const [a, b] = parseJournal(text, positionOf('b', 5, 6));
    expect(a).toMatchObject({ firstSeq: 0, acknowledged: 30, reserved: 40, isEnded: true });
    expect(a?.rates.map(({ eventsPerSecond }) => eventsPerSecond)).toEqual([10, 20]);
    expect(a?.resumed).toEqual([{ from: 4, until: 9 }]);
    expect(b).toMatchObject({ firstSeq: 40, acknowledged: 5, reserved: 6, isEnded: false, scenario: { name: 'test' } });
  });

  it('ignores the position of another segment, and a last line that is not complete', () => {
    const text = textOf(segment('a'));
    expect(parseJournal(text, positionOf('b', 5, 6))[0]).toMatchObject({ acknowledged: 0, reserved: 0 });
    expect(parseJournal(`${text}{"kind":"end","seg`, undefined)).toHaveLength(1);
    expect(parseJournal('', undefined)).toEqual([]);
  });

  it.each([
    ['no JSON', 'x\n'],
    ['another kind', '{"kind":"other"}\n'],
    ['a field too many', `${JSON.stringify({ ...segment('a'), more: 1 })}\n`],
    [
      'a line of a segment that is not the last one',
      textOf(segment('a'), { kind: 'rates', segment: 'b', rates: [{ fromMs: 1, eventsPerSecond: 1 }] }),
    ],
    ['an end without a segment', textOf({ kind: 'end', segment: 'a', acknowledged: 0, reserved: 0 })],
  ])('with %s is rejected', (_, text) => {
    expect(() => parseJournal(text, undefined)).toThrow(JournalFormatError);
  });
});
