import fc from 'fast-check';
import { ChosenLetters } from './chosen-letters';

const offsets = fc.uniqueArray(fc.oneof(fc.nat({ max: 50 }), fc.nat({ max: 2 ** 52 })), { maxLength: 600 });
const chosenOf = (list: readonly number[]): ChosenLetters => {
  const chosen = new ChosenLetters(1);
  for (const offset of list) chosen.add(offset);
  return chosen;
};
const listOf = (chosen: ChosenLetters): number[] => Array.from({ length: chosen.length }, (_, i) => chosen.at(i));

it('encodes chosen letters in any order, in pieces, and reads them back', () => {
  fc.assert(
    fc.property(offsets, fc.integer({ min: 1, max: 100 }), (list, piece) => {
      const chosen = chosenOf(list);
      const decoded = new ChosenLetters();
      for (let begin = 0; begin < list.length; begin += piece) decoded.decode(chosen.encode(begin, begin + piece));
      expect(listOf(decoded)).toEqual(list);
    }),
  );
});

it('finds the position of each chosen offset, and of no other', () => {
  fc.assert(
    fc.property(offsets, fc.nat({ max: 60 }), (list, other) => {
      const positions = chosenOf(list).positions();
      expect(list.map((offset) => positions.of(offset))).toEqual(list.map((_, i) => i));
      expect(positions.of(other)).toBe(list.includes(other) ? list.indexOf(other) : undefined);
    }),
  );
});

it('rejects a damaged text', () => {
  expect(() => new ChosenLetters().decode('1 x! -z9')).toThrow('damaged');
});
