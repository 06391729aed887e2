import * as fc from 'fast-check';

import { decodePosition, encodeMetadata, type SinkPosition } from './position';

const position: fc.Arbitrary<SinkPosition> = fc.record({
  offset: fc.nat(2 ** 40),
  stream: fc.option(
    fc.record({ name: fc.string({ minLength: 1, maxLength: 200, size: 'max' }), rows: fc.maxSafeNat() }),
    { nil: undefined },
  ),
  topicId: fc.option(fc.uuid(), { nil: undefined }),
});

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
    expect(encodeMetadata({ offset: 100, stream: { name: 's', rows: 7 }, topicId: 't' })).toBe(
      '{"v":2,"s":"s","n":7,"log":"t"}',
    );
    expect(encodeMetadata({ offset: 1, stream: undefined, topicId: undefined })).toBe('{"v":2}');
  });

  it.each(['', 'x', '{}', '{"v":1,"e":""}', '{"v":1}', '{"v":2,"e":""}', '{"v":2,"s":"a"}', '{"v":2,"n":1}', '[]'])(
    'is rejected when it is %p',
    (metadata) => {
      expect(decodePosition(5, metadata)).toBeUndefined();
    },
  );
});
