import fc from 'fast-check';
import { CircuitBreaker } from './circuit-breaker';

/** The number of rejected records that the breaker lets through before it trips; at most `max`. */
function floodUntilTripped(breaker: CircuitBreaker, max: number, onRecord: () => void = () => undefined): number {
  for (let count = 0; count < max; count++) {
    if (breaker.tripped() !== undefined) return count;
    onRecord();
    breaker.count(true);
  }
  return max;
}

describe('a suspended circuit breaker', () => {
  it('lets through exactly the given records, then one full window as without a suspension', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 1_000 }), (window, records) => {
        const breaker = new CircuitBreaker(window, 0.5);
        expect(floodUntilTripped(breaker, 10_000)).toBe(window);
        breaker.suspend({ records });
        expect(breaker.suspension).toEqual({ recordsLeft: records });
        // The partition opens again after the resume, and after each failure.
        breaker.reset();
        expect(floodUntilTripped(breaker, 10_000)).toBe(records + window);
        expect(breaker.suspension).toBeUndefined();
      }),
    );
  });

  it('lets records through for the given minutes, and counts again after them', () => {
    let nowMs = 0;
    const breaker = new CircuitBreaker(10, 0.5, () => nowMs);
    breaker.suspend({ minutes: 2 });
    expect(breaker.suspension).toEqual({ secondsLeft: 120 });
    // One record in a second.
    expect(floodUntilTripped(breaker, 1_000, () => (nowMs += 1_000))).toBe(119 + 10);
    expect(breaker.suspension).toBeUndefined();
  });

  it('is replaced by a later suspension', () => {
    const breaker = new CircuitBreaker(10, 0.5, () => 0);
    breaker.suspend({ minutes: 5 });
    breaker.suspend({ records: 3 });
    expect(floodUntilTripped(breaker, 100)).toBe(13);
  });
});
