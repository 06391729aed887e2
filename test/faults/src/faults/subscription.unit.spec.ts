import { validatedTopic } from '@orderstream/contracts';

import { type Claim } from './fault';
import { type Gap, outcomeOfGap, rewinds, united } from './subscription';

const topic = validatedTopic('orders');
const gap: Gap = {
  from: '2026-01-02T03:04:00.000Z',
  to: '2026-01-02T03:04:30.000Z',
  partitions: [
    { partition: 2, fromOffset: 100, toOffset: 130 },
    { partition: 3, fromOffset: 50, toOffset: 60 },
  ],
};

it('gaps that several checks have found are one, with the lowest offset of each partition', () => {
  const later: Gap = {
    from: '2026-01-02T03:03:50.000Z',
    to: '2026-01-02T03:05:00.000Z',
    partitions: [
      { partition: 3, fromOffset: 45, toOffset: 55 },
      { partition: 4, fromOffset: 1, toOffset: 2 },
    ],
  };
  expect(united([])).toBeUndefined();
  expect(united([gap, later])).toEqual({
    from: '2026-01-02T03:03:50.000Z',
    to: '2026-01-02T03:05:00.000Z',
    partitions: [
      { partition: 2, fromOffset: 100, toOffset: 130 },
      { partition: 3, fromOffset: 45, toOffset: 60 },
      { partition: 4, fromOffset: 1, toOffset: 2 },
    ],
  });
});

it('a gap is published again from its begin, or from what had not been delivered before it', () => {
  const delivered = [
    { topic, partition: 2, committed: 90 },
    { topic, partition: 3, committed: 55 },
  ];
  expect(rewinds(gap, delivered)).toEqual([
    { partition: 2, offset: 90 },
    { partition: 3, offset: 50 },
  ]);
});

describe('the outcome of a deleted subscription', () => {
  const seen = {
    deletedAt: Date.parse('2026-01-02T03:04:20.000Z'),
    noticedSeconds: 9,
    reason: '{"subscription":{"detail":"orders-to-bigquery did not exist, and is put back"}}',
  };
  const outcome = (changes: Partial<typeof seen> = {}, of: Gap = gap, claimed: readonly Claim[] = []) =>
    outcomeOfGap({ claimed: new Set(claimed) }, of, { ...seen, ...changes }).broken;

  it('breaks no promise if the bridge has named it, and the gap contains the time of the deletion', () => {
    expect(outcome()).toEqual([]);
  });

  it.each([
    ['another reason', { reason: 'consumer not connected' }, 'does not say that orders-to-bigquery did not exist'],
    ['a gap after it', { deletedAt: Date.parse('2026-01-02T03:03:59.000Z') }, 'is without 2026-01-02T03:03:59.000Z'],
    ['a gap before it', { deletedAt: Date.parse('2026-01-02T03:04:31.000Z') }, 'is without 2026-01-02T03:04:31.000Z'],
  ])('breaks one with %s', (_name, changes, text) => {
    expect(outcome(changes)).toEqual([expect.stringContaining(text)]);
  });

  it('is a failure without orders in the gap, unless another fault left the bridge without work', () => {
    const empty = { ...gap, partitions: [] };
    expect(outcome({}, empty)).toEqual([expect.stringContaining('the fault was not injected')]);
    expect(outcome({}, empty, ['validator'])).toEqual([]);
  });
});
