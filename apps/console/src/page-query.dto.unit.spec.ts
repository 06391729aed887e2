import { validateSync } from 'class-validator';
import { IsTime } from './page-query.dto';

class Query {
  @IsTime()
  readonly from: unknown;

  constructor(from: unknown) {
    this.from = from;
  }
}
const isTaken = (from: unknown): boolean => validateSync(new Query(from)).length === 0;

describe('a time of a query', () => {
  it.each(['2026-03-01T12:00:00Z', '2026-03-01T12:00:00.123+02:00', '2026-03-01'])('can be %s', (text) => {
    expect(isTaken(text)).toBe(true);
  });

  it.each([
    ...['2009-W01-1', '2009-W01', '2009-123', '2016-12-31T23:59:60Z', '2026-02-30T00:00:00Z', '2026-03-01 12:00:00Z'],
    ...['2026-03-01T12:00:00', '2026-03-01T12:00', '2026-03', '2026'],
    ...['', 'yesterday', `2026-03-01T12:00:00.${'0'.repeat(40)}Z`, 5, null, ['2026-03-01T12:00:00Z']],
  ])('cannot be %j', (value) => {
    expect(isTaken(value)).toBe(false);
  });
});
