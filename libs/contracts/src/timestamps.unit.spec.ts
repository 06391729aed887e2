import * as fc from 'fast-check';
import { timestampMicros } from './index';

const two = (value: number): string => value.toString().padStart(2, '0');

describe('timestampMicros', () => {
  it('parses any time of the years 1970 to 2199 to the microsecond', () => {
    const anySecond = fc.integer({ min: 0, max: Date.UTC(2200, 0, 1) / 1000 - 1 });
    fc.assert(
      fc.property(
        anySecond,
        fc.integer({ min: 0, max: 999_999 }),
        fc.integer({ min: 0, max: 6 }),
        (second, micros, digits) => {
          const whole = new Date(second * 1000).toISOString().slice(0, 19);
          const fraction = micros.toString().padStart(6, '0').slice(0, digits);
          const text = digits === 0 ? `${whole}Z` : `${whole}.${fraction}Z`;
          expect(timestampMicros(text)).toBe(second * 1_000_000 + Number(fraction.padEnd(6, '0')));
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('parses existing dates only', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1970, max: 2199 }),
        fc.integer({ min: 0, max: 13 }),
        fc.integer({ min: 0, max: 32 }),
        (year, month, day) => {
          const date = new Date(Date.UTC(year, month - 1, day));
          const exists =
            date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
          const micros = timestampMicros(`${year}-${two(month)}-${two(day)}T00:00:00Z`);
          expect(micros).toBe(exists ? date.getTime() * 1000 : NaN);
        },
      ),
      { numRuns: 5_000 },
    );
  });

  it.each([
    '',
    'Z',
    '2026-01-02',
    '2026-01-02T03:04Z',
    '2026-01-02T03:04:05',
    '2026-01-02T03:04:05.Z',
    '2026-01-02T03:04:05.1234567Z',
    '2026-01-02T03:04:05,123Z',
    '2026-01-02T03:04:05.12 Z',
    '2026-01-02T03:04:05.-12Z',
    '2026-01-02T03:04:05+00:00',
    '2026-01-02t03:04:05z',
    '2026-01-02 03:04:05Z',
    '2026-01-02T24:00:00Z',
    '2026-01-02T23:60:00Z',
    '2026-01-02T23:59:60Z',
    '1969-12-31T23:59:59Z',
    '2200-01-01T00:00:00Z',
    '+026-01-02T03:04:05Z',
    '２０２６-01-02T03:04:05Z',
    '2026-1-002T03:04:05Z',
    ' 2026-01-02T03:04:05Z',
    '2026-01-02T03:04:05Z\n',
  ])('rejects %j', (text) => {
    expect(timestampMicros(text)).toBeNaN();
  });

  it('is exact at the last microsecond', () => {
    expect(timestampMicros('2199-12-31T23:59:59.999999Z')).toBe(Date.UTC(2200, 0, 1) * 1000 - 1);
  });
});
