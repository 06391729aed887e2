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
        const breaker = new CircuitBreaker({ windowRecords: window, maxShare: 0.5 });
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
    const breaker = new CircuitBreaker({ windowRecords: 10, maxShare: 0.5 }, () => nowMs);
    breaker.suspend({ minutes: 2 });
    expect(breaker.suspension).toEqual({ secondsLeft: 120 });
    // One record in a second.
    expect(floodUntilTripped(breaker, 1_000, () => (nowMs += 1_000))).toBe(119 + 10);
    expect(breaker.suspension).toBeUndefined();
  });

  it('is replaced by a later suspension', () => {
    const breaker = new CircuitBreaker({ windowRecords: 10, maxShare: 0.5 }, () => 0);
    breaker.suspend({ minutes: 5 });
    breaker.suspend({ records: 3 });
    expect(floodUntilTripped(breaker, 100)).toBe(13);
  });
});

describe('new limits of the circuit breaker', () => {
  it('hold from the next record on; another window begins empty, another share keeps it', () => {
    const breaker = new CircuitBreaker({ windowRecords: 4, maxShare: 0.5 });
    for (const rejected of [true, true, false, false]) breaker.count(rejected);
    expect(breaker.tripped()).toBeUndefined();
    breaker.limit({ windowRecords: 4, maxShare: 0.4 });
    expect(breaker.tripped()).toBe(2);
    breaker.limit({ windowRecords: 2, maxShare: 0.4 });
    expect(breaker.tripped()).toBeUndefined();
    for (const rejected of [true, true]) breaker.count(rejected);
    expect(breaker.tripped()).toBe(2);
    breaker.limit({ windowRecords: 0, maxShare: 0.4 });
    breaker.count(true);
    expect(breaker.tripped()).toBeUndefined();
  });

  it('do not end a suspension', () => {
    const breaker = new CircuitBreaker({ windowRecords: 2, maxShare: 0.5 });
    breaker.suspend({ records: 100 });
    breaker.limit({ windowRecords: 3, maxShare: 0.1 });
    expect(breaker.suspension).toEqual({ recordsLeft: 100 });
  });
});
