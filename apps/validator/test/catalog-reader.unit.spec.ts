import { isJudged } from '../src/catalog/catalog-reader';

describe('the raw catalog is judged', () => {
  it.each([
    ['when the group has committed the ends', [0, 0], [7, 3], [7, 3], true],
    ['beyond them', [0, 0], [7, 3], [9, 3], true],
    ['not while one partition is behind', [0, 0], [7, 3], [7, 2], false],
    [
      'not by a group that has committed nothing, while there is something',
      [0, 0],
      [7, 0],
      [undefined, undefined],
      false,
    ],
    ['by nobody, while there is nothing', [0, 0], [0, 0], [undefined, undefined], true],
    ['by nobody, when retention has taken all of it', [7, 3], [7, 3], [undefined, 1], true],
    ['not when retention has left some of it', [5, 3], [7, 3], [undefined, 3], false],
    ['not when the group lies before what retention has left', [5, 3], [7, 3], [4, 3], false],
  ])('%s', (_, beginnings, ends, committed, expected) => {
    expect(isJudged({ beginnings, ends }, committed)).toBe(expected);
  });
});
