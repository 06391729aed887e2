import { unreadIn } from './unread-in';

describe('the records of a batch that cannot be decoded', () => {
  it.each([
    ['all of it, for a reader of the whole batch', 50, undefined, 10],
    ['all of it, for a reader that ends behind it', 50, 200, 10],
    ['those from where the reader begins', 107, undefined, 3],
    ['those below where the reader ends', 50, 104, 4],
    ['those between both', 102, 104, 2],
    ['none, for a reader that begins behind it', 110, undefined, 0],
    ['none, for a reader that ends before it', 50, 100, 0],
  ])('are %s', (_, from, until, count) => {
    expect(unreadIn({ baseOffset: 100, nextOffset: 110, records: 10 }, from, until)).toBe(count);
  });

  it('are not more than its header counts, which compaction makes fewer than its offsets', () => {
    expect(unreadIn({ baseOffset: 100, nextOffset: 110, records: 4 }, 103)).toBe(4);
  });
});
