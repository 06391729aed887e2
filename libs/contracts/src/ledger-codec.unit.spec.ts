import * as fc from 'fast-check';
import {
  type ExpectedOutcome,
  formatLedgerLine,
  LedgerFormatError,
  type LedgerLine,
  parseLedgerLine,
  RULE_CODES,
} from './index';

const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });
const natural = fc.maxSafeNat();
const outcome: fc.Arbitrary<ExpectedOutcome> = fc.oneof(
  fc.constantFrom<ExpectedOutcome>('accept', 'repair', 'skip'),
  fc.constantFrom(...RULE_CODES).map((code): ExpectedOutcome => `reject:${code}`),
);
const sha256 = fc.string({ unit: fc.constantFrom('0', '9', 'a', 'f'), minLength: 64, maxLength: 64 });
const intent = fc.record({
  seq: natural,
  topic: name,
  partition: natural,
  sha256,
  defect: fc.option(name),
  expected: outcome,
});
const ack = fc.record({ topic: name, partition: natural, baseOffset: natural, count: natural });
const line: fc.Arbitrary<LedgerLine> = fc.oneof(
  fc.record({
    kind: fc.constant('run' as const),
    run: name,
    startedAt: fc.constant('2026-01-02T03:04:05.678Z'),
    firstSeq: natural,
    seed: fc.maxSafeInteger(),
  }),
  fc.record({
    kind: fc.constant('intents' as const),
    run: name,
    batch: natural,
    intents: fc.array(intent, { maxLength: 4 }),
  }),
  fc.record({ kind: fc.constant('acks' as const), run: name, batch: natural, acks: fc.array(ack, { maxLength: 4 }) }),
);

/** The value with one field added, one left out, or one value replaced by an object, at every depth. */
function* damaged(value: unknown): Generator {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      for (const other of damaged(item)) yield value.map((each: unknown, at) => (at === index ? other : each));
    }
    return;
  }
  if (typeof value !== 'object' || value === null) {
    yield { nested: true };
    return;
  }
  yield { ...value, extra: 1 };
  for (const [key, item] of Object.entries(value)) {
    yield Object.fromEntries(Object.entries(value).filter(([each]) => each !== key));
    for (const other of damaged(item)) yield { ...value, [key]: other };
  }
}

describe('ledger lines', () => {
  it('are equal after formatting and parsing, and have no line feed', () => {
    fc.assert(
      fc.property(line, (written) => {
        const text = formatLedgerLine(written);
        expect(text).not.toMatch(/[\r\n]/);
        expect(parseLedgerLine(text)).toEqual(written);
      }),
    );
  });

  it('are rejected when they are cut off at any character', () => {
    fc.assert(
      fc.property(line, fc.nat(), (written, at) => {
        const text = formatLedgerLine(written);
        expect(() => parseLedgerLine(text.slice(0, at % text.length))).toThrow(LedgerFormatError);
      }),
    );
  });

  it('are rejected with any field added or left out, or any value of another type', () => {
    fc.assert(
      fc.property(line, (written) => {
        for (const other of damaged(written)) {
          expect(() => parseLedgerLine(JSON.stringify(other))).toThrow(LedgerFormatError);
        }
      }),
      { numRuns: 50 },
    );
  });

  const good = { seq: 1, topic: 't', partition: 0, sha256: '0'.repeat(64), defect: null, expected: 'accept' };
  it.each([
    { seq: -1 },
    { seq: 1.5 },
    { seq: '1' },
    { topic: '' },
    { sha256: 'A'.repeat(64) },
    { defect: '' },
    { expected: 'reject' },
    { expected: 'reject:no.such_rule' },
    { expected: 'reject:toString' },
  ])('are rejected with an intent of %j', (change) => {
    const text = (each: object): string => JSON.stringify({ kind: 'intents', run: 'r', batch: 0, intents: [each] });
    expect(() => parseLedgerLine(text(good))).not.toThrow();
    expect(() => parseLedgerLine(text({ ...good, ...change }))).toThrow(LedgerFormatError);
  });
});
