import { FAMILIES, RULE_CODES, type RuleCode } from '@orderstream/contracts';
import { outcomeOf } from '@orderstream/quality';
import { EventCursor, type NumberedEvent } from '../../index';
import { appendMsOf } from '../../time/timestamps';
import { scenarioOf, segmentOf } from '../../../test/scenarios';
import { Validator } from '../../../test/validator';
import { conflictOf, INJECTED_RULES, NOT_INJECTED } from '../combinations';
import { Defects, REPEATS, SPECS } from './defects';
import { nameOf, type Spec } from './spec';

const SCENARIO = scenarioOf(`
population: { vendors: 30, products: 200, customers: 20000 }
catalog: { productChangeHours: 0.05, vendorChangeDays: 0.005, renameEvery: 4, lateSeconds: 5 }
customerChangeDays: 0.05
funnel: { bounce: 0.1, cart: 0.6, checkout: 0.9, order: 0.9, thinkSeconds: { median: 2 } }
lifecycleSpeed: 20000
`);
const SEGMENT = segmentOf(SCENARIO, 300);
/** Two minutes, so that names have changed. */
const EVENTS = 36_000;

/** A log of events as they are, and events of it that records can follow: of every family, and the last ones. */
function market() {
  const cursor = EventCursor.begin(SEGMENT);
  const validator = new Validator();
  const followed: NumberedEvent[] = [];
  const seen = new Map<string, number>();
  let lastMicros = 0;
  for (let count = 0; count < EVENTS; count++) {
    const event = cursor.next();
    if (event === undefined) throw new Error('the segment ended');
    validator.evaluateEvent(event);
    lastMicros = event.emittedMicros;
    if (count < EVENTS / 2) continue;
    const times = seen.get(event.type) ?? 0;
    seen.set(event.type, times + 1);
    if (times < 3) followed.push(event);
  }
  return { cursor, validator, followed, lastMicros };
}

/** Every set of two or more rules that begins with these and goes on with some of the others, and that one record can break. */
const combinations = (codes: readonly RuleCode[], others: readonly RuleCode[]): readonly (readonly RuleCode[])[] =>
  others.flatMap((code, index) => {
    const longer = [...codes, code];
    if (conflictOf(longer) !== undefined) return [];
    const rest = combinations(longer, others.slice(index + 1));
    return longer.length > 1 ? [longer, ...rest] : rest;
  });

describe('a defective record', () => {
  const { cursor, validator, followed, lastMicros } = market();
  let made = 0;
  /** What the rules find in the last record that these specifications make; the ones before it must be accepted. */
  const found = (event: NumberedEvent, specs: readonly Spec[]): string | undefined => {
    // As if it were emitted at the end of the log: the names are those that the catalog has then. Number and time are of
    // its own, so that its ids are, too.
    const last = { ...event, n: EVENTS + made, emittedMicros: lastMicros + made++ };
    const records = new Defects(SEGMENT, cursor.marketplace).make(last, specs);
    const findings = records.map((record) => outcomeOf(validator.evaluate(record, appendMsOf(record.emittedMicros))));
    for (const before of findings.slice(0, -1)) expect(before).toEqual({ outcome: 'accept', rules: [] });
    const verdict = findings.at(-1);
    return verdict && `${verdict.outcome}: ${verdict.rules.join(', ')}`;
  };
  const expectedOf = (rules: readonly RuleCode[]): string => {
    const [first] = rules;
    if (first === undefined) return 'accept: ';
    const outcome = first.startsWith('drift.') ? 'repair' : first === 'time.too_late' ? 'accept' : `reject:${first}`;
    return `${outcome}: ${rules.join(', ')}`;
  };

  it('follows events of every family and of 18 types or more', () => {
    expect(new Set(followed.map(({ family }) => family))).toEqual(new Set(FAMILIES));
    expect(new Set(followed.map(({ type }) => type)).size).toBeGreaterThanOrEqual(18);
  });

  it.each(SPECS.map((spec) => [nameOf(spec), spec] as const))('fires what it should: %s', (_, spec) => {
    const results = followed.map((event) => found(event, [spec])).filter((result) => result !== undefined);
    // In the rare case that no product can be ordered there is none.
    expect(results.length).toBeGreaterThan(0.8 * followed.length);
    expect([...new Set(results)]).toEqual([expectedOf(spec.fires)]);
  });

  const combining = (codes: readonly RuleCode[]): readonly Spec[] =>
    codes.flatMap((code) => SPECS.filter((spec) => spec.rule === code && spec.combines));

  it('has all reasons of a combination, the first in the order of the rules', () => {
    const allowed = combinations([], INJECTED_RULES);
    expect(allowed.length).toBeGreaterThan(25);
    for (const codes of allowed) {
      const name = codes.join(' + ');
      for (const event of followed.slice(0, 6)) {
        const result = found(event, combining(codes));
        if (result !== undefined) expect(`${name} = ${result}`).toBe(`${name} = ${expectedOf(codes)}`);
      }
    }
  });

  it('cannot be combined where the rules do not report both', () => {
    const both = (a: RuleCode, b: RuleCode): string => {
      // The other order, too: the edits of one may undo those of the other.
      return found(followed[0] as NumberedEvent, combining([a, b])) ?? '';
    };
    for (const [index, a] of INJECTED_RULES.entries()) {
      for (const b of INJECTED_RULES.slice(index + 1)) {
        if (conflictOf([a, b]) === undefined || combining([a, b]).length < 2) continue;
        expect(`${a} + ${b} = ${both(a, b)}`).not.toBe(`${a} + ${b} = ${expectedOf([a, b])}`);
      }
    }
  });
});

describe('the rules of the contracts', () => {
  it.each(RULE_CODES)('have defects and near misses: %s', (code) => {
    const of = (isNearMiss: boolean): readonly string[] =>
      SPECS.filter((spec) => spec.rule === code && spec.isNearMiss === isNearMiss).map(nameOf);
    expect(of(true)).not.toEqual([]);
    const repeats = REPEATS.filter((name) => name.startsWith(`${code}/`));
    if (NOT_INJECTED.includes(code)) expect([...of(false), ...repeats]).toEqual([]);
    else expect([...of(false), ...repeats]).not.toEqual([]);
  });

  it('have a near miss of every defect with a boundary: each name is unique, and one of each rule combines', () => {
    expect(new Set(SPECS.map(nameOf)).size).toBe(SPECS.length);
    for (const code of INJECTED_RULES) {
      const combining = SPECS.filter((spec) => spec.rule === code && spec.combines);
      expect(combining.every(({ isNearMiss }) => !isNearMiss)).toBe(true);
      const combines = INJECTED_RULES.some((other) => other !== code && conflictOf([code, other]) === undefined);
      expect(`${code} ${combining.length}`).toBe(`${code} ${combines ? 1 : 0}`);
    }
  });
});
