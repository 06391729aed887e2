import * as fc from 'fast-check';

import { Exclusions } from './exclusions';
import { decodePosition, encodeMetadata, MAX_EXCLUSION_SPAN } from './position';

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

describe('commit metadata', () => {
  it('round-trips every position within the 4,096 bytes that a commit may carry', () => {
    fc.assert(
      fc.property(position, (before) => {
        const metadata = encodeMetadata(before);
        expect(decodePosition(before.offset, metadata)).toEqual(before);
        expect(Buffer.byteLength(metadata)).toBeLessThanOrEqual(4_096);
      }),
    );
  });

  it('has the documented JSON form', () => {
    const exclusions = Exclusions.of([100, 103, 109]);
    expect(encodeMetadata({ offset: 100, stream: { name: 's', rows: 7 }, exclusions, topicId: 't' })).toBe(
      '{"v":1,"s":"s","n":7,"e":"CQI=","t":"t"}',
    );
    expect(encodeMetadata({ offset: 1, stream: undefined, exclusions: Exclusions.NONE, topicId: undefined })).toBe(
      '{"v":1,"e":""}',
    );
  });

  it.each(['', 'x', '{}', '{"v":2,"e":""}', '{"v":1,"s":"a","e":""}', '{"v":1,"n":1,"e":""}', '{"v":1,"e":"*"}', '[]'])(
    'is rejected when it is %p',
    (metadata) => {
      expect(decodePosition(5, metadata)).toBeUndefined();
    },
  );
});
