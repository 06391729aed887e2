import * as fc from 'fast-check';

import { Exclusions } from './exclusions';
import { decodePosition, encodeMetadata, MAX_EXCLUSION_SPAN, passDurable } from './position';

const position = fc
  .record({
    offset: fc.nat(2 ** 40),
    stream: fc.option(
      fc.record({ name: fc.string({ minLength: 1, maxLength: 200, size: 'max' }), rows: fc.maxSafeNat() }),
      {
        nil: undefined,
      },
    ),
    excluded: fc.array(fc.nat(MAX_EXCLUSION_SPAN - 1), { maxLength: 50, size: 'max' }),
    topicId: fc.option(fc.uuid(), { nil: undefined }),
  })
  .map(({ excluded, ...rest }) => ({ ...rest, exclusions: Exclusions.of(excluded.map((each) => each + rest.offset)) }));

describe('the metadata of a position', () => {
  it('reads back what it wrote, within the 4,096 bytes that a commit may carry', () => {
    fc.assert(
      fc.property(position, (before) => {
        const metadata = encodeMetadata(before);
        expect(decodePosition(before.offset, metadata)).toEqual(before);
        expect(Buffer.byteLength(metadata)).toBeLessThanOrEqual(4_096);
      }),
    );
  });

  it('has the form that the design names', () => {
    const exclusions = Exclusions.of([100, 103, 109]);
    expect(encodeMetadata({ offset: 100, stream: { name: 's', rows: 7 }, exclusions, topicId: 't' })).toBe(
      '{"v":1,"s":"s","n":7,"e":"CQI=","t":"t"}',
    );
    expect(encodeMetadata({ offset: 1, stream: undefined, exclusions: Exclusions.NONE, topicId: undefined })).toBe(
      '{"v":1,"e":""}',
    );
  });

  it.each(['', 'x', '{}', '{"v":2,"e":""}', '{"v":1,"s":"a","e":""}', '{"v":1,"n":1,"e":""}', '{"v":1,"e":"*"}', '[]'])(
    'does not guess what %p may have meant',
    (metadata) => {
      expect(decodePosition(5, metadata)).toBeUndefined();
    },
  );
});

describe('passDurable', () => {
  it('agrees with the model of the protocol, however the records are cut into batches', () => {
    const log = fc.array(fc.constantFrom('record', 'excluded', 'marker'), { minLength: 1, maxLength: 60, size: 'max' });
    fc.assert(
      fc.property(log, fc.nat(60), fc.integer({ min: 1, max: 10 }), (entries, rows, batchSize) => {
        const exclusions = Exclusions.of(entries.flatMap((entry, offset) => (entry === 'excluded' ? [offset] : [])));
        const countable = entries.flatMap((entry, offset) => (entry === 'record' ? [offset] : []));
        fc.pre(rows <= countable.length);
        // Model: the first `rows` countable offsets are durable; the next one is where the sink goes on.
        const expected = countable[rows];
        let remaining = rows;
        let found: number | undefined;
        for (let from = 0; from < entries.length && found === undefined; from += batchSize) {
          const records = entries
            .slice(from, from + batchSize)
            .flatMap((entry, index) => (entry === 'marker' ? [] : [{ offset: from + index }]));
          const passed = passDurable(records, remaining, exclusions);
          remaining = passed.remaining;
          found = records[passed.index]?.offset;
        }
        expect(found).toBe(expected);
        expect(remaining).toBe(0);
      }),
    );
  });
});
