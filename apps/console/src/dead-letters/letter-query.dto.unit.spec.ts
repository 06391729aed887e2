import { ConsoleProblem } from '../problems';
import { letterFilterOf } from './letter-query.dto';

describe('the filter of a list of dead letters', () => {
  it.each([
    [{ from: '2026-03-02T00:00:00Z', to: '2026-03-01T00:00:00Z' }, 'from, 2026-03-02T00:00:00.000Z, must be before to'],
    [{ fromOffset: 3, toOffset: 3 }, 'fromOffset, 3, must be below toOffset, 3'],
    [{ field: ['a=1', 'b=1', 'a=2'] }, 'the field "a" has two values'],
  ])('is rejected when no letter can meet %j', (query, problem) => {
    expect(() => letterFilterOf(query)).toThrow(ConsoleProblem);
    expect(() => letterFilterOf(query)).toThrow(problem);
  });

  it('takes a field twice with one value, and bounds with room between them', () => {
    expect(letterFilterOf({ field: ['a=1', 'a=1'], fromOffset: 3, toOffset: 4 })).toEqual({
      fields: { a: '1' },
      sourceOffsetFrom: 3,
      sourceOffsetUntil: 4,
    });
  });
});
