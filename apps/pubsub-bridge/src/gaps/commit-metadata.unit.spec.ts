import fc from 'fast-check';

import { MAX_GAPS, type PartitionGap, readCommitState, rewoundTo, writeCommitState } from './commit-metadata';

/** Bound of a broker for the metadata of one offset, in bytes: `offset.metadata.max.bytes`. */
const BROKER_BYTES = 4_096;

const time = fc.integer({ min: 0, max: 4_102_444_800_000 }).map((ms) => new Date(ms).toISOString());
const gap: fc.Arbitrary<PartitionGap> = fc.tuple(time, time, fc.maxSafeNat(), fc.maxSafeNat()).map(([a, b, x, y]) => ({
  from: a < b ? a : b,
  to: a < b ? b : a,
  fromOffset: Math.min(x, y),
  toOffset: Math.max(x, y),
}));
const OWN = new Set(['v', 'log', 'gaps', 'subscription']);
const other = fc
  .dictionary(fc.string({ maxLength: 20 }), fc.jsonValue({ maxDepth: 1 }), { maxKeys: 5 })
  .filter((fields) => Object.keys(fields).every((name) => !OWN.has(name) && name !== '__proto__'));
const subscription = fc.option(fc.record({ id: fc.string({ maxLength: 63 }), at: time, offset: fc.maxSafeNat() }), {
  nil: undefined,
});
const one = (fromOffset: number, toOffset = fromOffset + 10, hour = 3): PartitionGap => ({
  from: `2026-01-02T0${String(hour)}:00:00.000Z`,
  to: `2026-01-02T0${String(hour)}:00:30.000Z`,
  fromOffset,
  toOffset,
});

describe('the metadata of a commit', () => {
  it('is read as it was written, with the fields of others', () => {
    fc.assert(
      fc.property(fc.array(gap, { maxLength: MAX_GAPS }), subscription, other, (gaps, check, fields) => {
        const text = writeCommitState({ log: 'an-id', gaps, subscription: check, other: fields });
        fc.pre(Buffer.byteLength(text) < 3_900);
        const read = readCommitState(text);
        expect(read).toEqual({
          log: 'an-id',
          gaps: expect.arrayContaining([...gaps]) as unknown,
          subscription: check,
          other: JSON.parse(JSON.stringify(fields)) as unknown,
        });
        expect(read.gaps).toHaveLength(gaps.length);
      }),
    );
  });

  it('never exceeds what the broker takes, and leaves no offset of a gap out, however many gaps there are', () => {
    fc.assert(
      fc.property(fc.array(gap, { maxLength: 200, size: 'max' }), fc.nat(8_000), (gaps, length) => {
        const check = { id: '𝄞'.repeat(31), at: '2026-01-02T03:04:05.678Z', offset: Number.MAX_SAFE_INTEGER };
        const text = writeCommitState({
          log: 'x'.repeat(22),
          gaps,
          subscription: check,
          other: { long: 'x'.repeat(length) },
        });
        expect(Buffer.byteLength(text)).toBeLessThan(BROKER_BYTES);
        const read = readCommitState(text);
        expect(read.gaps.length).toBeLessThanOrEqual(MAX_GAPS);
        expect(read).toMatchObject({ log: 'x'.repeat(22), subscription: check });
        for (const { fromOffset, toOffset } of gaps) {
          expect(read.gaps.some((left) => left.fromOffset <= fromOffset && toOffset <= left.toOffset)).toBe(true);
        }
      }),
      { numRuns: 50 },
    );
  });

  it.each([undefined, '', 'by hand', 'null', '[]', '3'])('has no gaps when it is %j', (metadata) => {
    expect(readCommitState(metadata)).toEqual({ gaps: [] });
  });

  it('leaves out what is no gap and no check', () => {
    const gaps = [
      one(5),
      null,
      'text',
      { ...one(7), fromOffset: -1 },
      { ...one(7), from: 'yesterday' },
      { ...one(7), toOffset: 3 },
    ];
    const text = JSON.stringify({ v: 1, log: 7, gaps, subscription: { id: 4, at: 'x' } });
    expect(readCommitState(text)).toEqual({ log: undefined, gaps: [one(5)], subscription: undefined, other: {} });
  });
});

describe('a rewind', () => {
  const check = { id: '1', at: '2026-01-02T03:00:00.000Z', offset: 300 };
  const state = { gaps: [one(100, 110, 3), one(200, 210, 4)], subscription: check };

  it.each([
    [201, [100, 200]],
    [200, [100]],
    [101, [100]],
    [100, []],
    [0, []],
  ])('to %j keeps the gaps that begin below it', (offset, left) => {
    const after = rewoundTo(offset, state);
    expect(after.gaps.map(({ fromOffset }) => fromOffset)).toEqual(left);
    // The next subscription that is found may still be another one.
    expect(after.subscription).toEqual({ ...check, offset });
  });

  it('changes nothing of a check below it', () => {
    expect(rewoundTo(301, state)).toEqual(state);
  });
});
