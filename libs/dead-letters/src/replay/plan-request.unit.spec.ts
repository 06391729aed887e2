import { checkRequest } from './plan-request';
import { ReplayInvalidError } from './replay-errors';

const TOPIC = 'marketplace.orders.raw.v1.dlq.validator';
const check = (filter: object) => checkRequest({ topic: TOPIC, filter }, new Set());

describe('the filter of a plan', () => {
  it('has the text of each field that it names', () => {
    expect(check({ fields: { item_quantity: '2' } }).filter).toEqual({ fields: { item_quantity: '2' } });
  });

  it.each([
    ['a number', { item_quantity: 2 }],
    ['an object', { item_quantity: { at_least: 2 } }],
    ['nothing', { item_quantity: null }],
    ['a text that is too long', { item_quantity: 'x'.repeat(1_001) }],
  ])('is rejected with %s in place of the text: it would choose no letter', (_, fields) => {
    expect(() => check({ fields })).toThrow(ReplayInvalidError);
    expect(() => check({ fields })).toThrow(/filter\.fields\.item_quantity: expected the text of its value/);
  });

  it.each([
    [
      'times',
      { from: '2026-03-02T00:00:00Z', to: '2026-03-01T00:00:00Z' },
      'filter: from, 2026-03-02T00:00:00.000Z, must',
    ],
    ['equal times', { from: '2026-03-01T00:00:00Z', to: '2026-03-01T01:00:00+01:00' }, 'must be before to'],
    ['offsets', { fromOffset: 9, toOffset: 9 }, 'filter: fromOffset, 9, must be below toOffset, 9'],
  ])('is rejected with %s between which no letter is', (_, filter, problem) => {
    expect(() => check(filter)).toThrow(problem);
  });

  it('takes bounds with room for one letter', () => {
    const filter = { from: '2026-03-01T00:00:00Z', to: '2026-03-01T00:00:00.001Z', fromOffset: 9, toOffset: 10 };
    expect(check(filter).filter).toEqual(filter);
  });
});
