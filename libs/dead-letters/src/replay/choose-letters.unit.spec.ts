import { type KafkaRecord } from '@orderstream/kafka';
import fc from 'fast-check';
import { MemoryLog } from '../../test/replay-memory';
import { LETTERS, letterOf, paid, PARTITION, placed, RAW } from '../../test/order-events';
import { LetterIndex } from '../lookup/letter-index';
import { type LetterFilter } from '../lookup/letter-filter';
import { parseDeadLetter } from '../parse-dead-letter';
import { candidatesOf, chooseLetters, followerCandidatesOf, parseOwn } from './choose-letters';
import { ChosenLetters } from './chosen-letters';
import { ReplayTooLargeError } from './replay-errors';

const { signal } = new AbortController();
const SCOPE = { app: 'validator', sourceTopic: RAW } as const;
const VENDOR_UNKNOWN = 'reference.unknown_vendor';
const ORDER_UNKNOWN = 'lifecycle.unknown_order';

function indexOf(letters: readonly KafkaRecord[]): LetterIndex {
  const index = new LetterIndex(10_000);
  for (const letter of letters) index.add(parseDeadLetter(letter));
  return index;
}

/** The offsets that a plan chooses, in their order. */
async function chosenOf(letters: readonly KafkaRecord[], filter: LetterFilter, followers = true): Promise<number[]> {
  const index = indexOf(letters);
  const open = (): boolean => true;
  const scope = { ...SCOPE, ...filter };
  const found = (await candidatesOf(index, scope, open, 1_000))[PARTITION] ?? new ChosenLetters();
  const possible = (await followerCandidatesOf(index, scope, open, 1_000))[PARTITION] ?? new ChosenLetters();
  const plan = { topic: LETTERS, filter: scope, followers, parse: parseOwn } as const;
  const io = new MemoryLog(letters, 'replays').io();
  const chosen = await chooseLetters(plan, io, found, followers ? possible : new ChosenLetters(), signal);
  expect(chosen.ofFilter + chosen.followers).toBe(chosen.letters.length);
  return Array.from({ length: chosen.letters.length }, (_, i) => chosen.letters.at(i));
}

describe('the letters of a plan', () => {
  const letters = [
    letterOf(placed('1'), VENDOR_UNKNOWN, 0),
    letterOf(paid('1'), ORDER_UNKNOWN, 1),
    letterOf(paid('2'), ORDER_UNKNOWN, 2),
    letterOf(placed('3', { item_quantity: 5 }), 'time.in_future', 4),
    letterOf(paid('3'), ORDER_UNKNOWN, 5),
  ];

  it('are those of the filter, with what failed because of them', async () => {
    expect(await chosenOf(letters, { reason: VENDOR_UNKNOWN })).toEqual([0, 1]);
    expect(await chosenOf(letters, { reason: VENDOR_UNKNOWN }, false)).toEqual([0]);
    expect(await chosenOf(letters, {})).toEqual([0, 1, 2, 4, 5]);
  });

  it('are found by fields of their bodies', async () => {
    expect(await chosenOf(letters, { fields: { item_quantity: '5' } })).toEqual([4, 5]);
    expect(await chosenOf(letters, { key: 'nobody' })).toEqual([]);
  });

  it('return in the order in which they failed for the first time, whatever their attempts', async () => {
    const replayed = { 'dlq-attempt': '1', 'dlq-replay': JSON.stringify({ plan: 'p', letter: '0/0', origin: 0 }) };
    const again = letterOf(placed('1'), VENDOR_UNKNOWN, 9, { sourceOffset: 77, headers: replayed });
    expect(await chosenOf([...letters.slice(1), again], { reason: VENDOR_UNKNOWN })).toEqual([9, 1]);
  });

  it('do not include an event before the chosen one of its order', async () => {
    const early = letterOf(paid('9'), ORDER_UNKNOWN, 6);
    const late = letterOf(placed('9'), VENDOR_UNKNOWN, 7);
    expect(await chosenOf([early, late], { reason: VENDOR_UNKNOWN })).toEqual([7]);
  });

  it('are at most as many as a plan may have', async () => {
    await expect(candidatesOf(indexOf(letters), SCOPE, () => true, 4)).rejects.toThrow(ReplayTooLargeError);
  });

  it('are the same as by looking at each of them', async () => {
    const reasons = [VENDOR_UNKNOWN, ORDER_UNKNOWN, 'duplicate.event'];
    const some = fc.array(
      fc.record({
        order: fc.constantFrom('1', '2', '3'),
        isPlaced: fc.boolean(),
        reason: fc.constantFrom(...reasons),
        gap: fc.integer({ min: 1, max: 3 }),
      }),
      { maxLength: 30 },
    );
    await fc.assert(
      fc.asyncProperty(some, async (list) => {
        let offset = 0;
        const all = list.map(({ order, isPlaced, reason, gap }) => {
          offset += gap;
          return { offset, order, reason, letter: letterOf(isPlaced ? placed(order) : paid(order), reason, offset) };
        });
        const isChosen = ({ reason }: { readonly reason: string }): boolean => reason === VENDOR_UNKNOWN;
        const expected = all.filter((one, i) => {
          if (isChosen(one)) return true;
          return (
            one.reason === ORDER_UNKNOWN &&
            all.slice(0, i).some((other) => isChosen(other) && other.order === one.order)
          );
        });
        const found = await chosenOf(
          all.map(({ letter }) => letter),
          { reason: VENDOR_UNKNOWN },
        );
        expect(found).toEqual(expected.map((one) => one.offset));
      }),
    );
  });
});
