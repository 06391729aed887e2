import { compareLetters, type Letter, type LetterEvidence, recordsRejectedSince } from './compare-letters';
import { Differences } from './differences';

const letter = (offset: number, changes: Partial<Letter> = {}): Letter => ({
  offset,
  reason: 'time.in_future',
  attempt: 1,
  sourceOffset: 100 + offset,
  ...changes,
});

function compared(changes: Partial<LetterEvidence>) {
  const differences = new Differences();
  const letters = [letter(0), letter(2, { attempt: 2 }), letter(3, { sourceOffset: undefined })];
  const lost = compareLetters(differences, {
    topic: 't',
    partition: 4,
    committed: 3,
    letters,
    rows: letters,
    ...changes,
  });
  const counts = Object.entries(differences.counts).filter(([, count]) => count > 0);
  return { lost, counts: Object.fromEntries(counts), examples: differences.examples };
}

const rows = [letter(0), letter(2, { attempt: 2 }), letter(3, { sourceOffset: undefined })];

describe('the comparison of dead letters with their table', () => {
  it('finds no difference where each has its row', () => {
    expect(compared({ rows })).toEqual({ lost: 0, counts: {}, examples: [] });
  });

  it('distinguishes a row that is lost from one that is late', () => {
    expect(compared({ rows: rows.slice(1, 2) })).toEqual({
      lost: 1,
      counts: { missing: 2 },
      examples: ['missing: dead_letters: t/4@0 has no row', 'missing: dead_letters: t/4@3 has no row'],
    });
  });

  it('finds a second row, and one without a dead letter', () => {
    expect(compared({ rows: [...rows, letter(0), letter(1)] }).counts).toEqual({ duplicated: 1, unexplained: 1 });
  });

  it.each([
    ['reason', { reason: 'x' }],
    ['attempt', { attempt: 2 }],
    ['source', { sourceOffset: 1 }],
  ])('finds a row of another %s', (_, changes) => {
    expect(compared({ rows: [letter(0, changes), ...rows.slice(1)] }).examples).toEqual([
      'unexplained: dead_letters: t/4@0 has a row of another failure',
    ]);
  });
});

describe('the records that are rejected', () => {
  it('count once, however often their replays failed, and only from the start on', () => {
    const letters = [
      letter(0, { sourceOffset: 9, attempt: 2 }),
      letter(1, { sourceOffset: 10 }),
      letter(2, { sourceOffset: 12 }),
      letter(3, { sourceOffset: 10, attempt: 2 }),
      letter(4, { sourceOffset: 10, attempt: 3 }),
      letter(5, { sourceOffset: undefined }),
    ];
    expect(recordsRejectedSince(letters, 10)).toBe(2);
    expect(recordsRejectedSince(letters, 0)).toBe(3);
    expect(recordsRejectedSince([], 0)).toBe(0);
  });
});
