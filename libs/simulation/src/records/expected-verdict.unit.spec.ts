import { type RuleCode } from '@orderstream/contracts';
import { expectedFindings, expectedVerdict, goodIntent, intentOf } from './expected-verdict';

const NOW_MS = Date.UTC(2026, 2, 2, 12);
const NOW = NOW_MS * 1_000;
const MINUTE = 60_000;
const DAY = 86_400_000;
const intent = (rules: RuleCode[], aheadMs = 0, latestMs = aheadMs) =>
  intentOf('test', rules, { occurredMicros: NOW + aheadMs * 1_000, latestMicros: NOW + latestMs * 1_000 }, NOW);

describe('the expected verdict', () => {
  it('of an event as it is: accepted at first, skipped when it stands in the log again', () => {
    expect(expectedVerdict(goodIntent(NOW), { appendMs: NOW_MS + 1, occurrence: 0 })).toBe('accept');
    expect(expectedVerdict(goodIntent(NOW), { appendMs: NOW_MS + MINUTE, occurrence: 1 })).toBe('skip');
    expect(expectedVerdict(goodIntent(NOW), { appendMs: NOW_MS + MINUTE, occurrence: 5 })).toBe('skip');
  });

  it('of a rejected record: rejected however often it stands in the log', () => {
    for (const code of ['structure.key_mismatch', 'duplicate.order', 'lifecycle.unknown_order'] as const) {
      for (const occurrence of [0, 1, 7]) {
        expect(expectedVerdict(intent([code]), { appendMs: NOW_MS, occurrence })).toBe(`reject:${code}`);
      }
    }
  });

  it('of a repaired record: repaired at first, then skipped', () => {
    const drift = intent(['drift.product', 'drift.vendor']);
    const at = { appendMs: NOW_MS, occurrence: 0 };
    expect(expectedFindings(drift, at)).toEqual({ outcome: 'repair', rules: ['drift.vendor', 'drift.product'] });
    expect(expectedFindings(drift, { ...at, occurrence: 1 })).toEqual({ outcome: 'skip', rules: ['duplicate.event'] });
  });

  it.each<[string, number, number, string]>([
    ['5 minutes ahead', 5 * MINUTE, 0, 'accept '],
    ['a millisecond more', 5 * MINUTE + 1, 0, 'reject:time.in_future time.in_future'],
    ['more, but appended later', 5 * MINUTE + 1, 1, 'accept '],
    ['7 days ago', -7 * DAY, 0, 'accept '],
    ['a millisecond more', -7 * DAY - 1, 0, 'accept time.too_late'],
    ['7 days ago, and appended later', -7 * DAY, 1, 'accept time.too_late'],
    ['1,800 days ago', -1_800 * DAY, 0, 'accept time.too_late'],
    ['a millisecond more', -1_800 * DAY - 1, 0, 'reject:time.too_old time.too_old'],
  ])('goes by the append time: %s', (_, aheadMs, delayMs, expected) => {
    const { outcome, rules } = expectedFindings(intent([], aheadMs), { appendMs: NOW_MS + delayMs, occurrence: 0 });
    expect(`${outcome} ${rules.join(',')}`).toBe(expected);
  });

  it('of a time in the future that is not the one of the event', () => {
    const future = intent([], 0, 6 * MINUTE);
    expect(future.expected).toBe('reject:time.in_future');
    expect(expectedVerdict(future, { appendMs: NOW_MS + 2 * MINUTE, occurrence: 0 })).toBe('accept');
  });

  it('of a record that is sent again when its time is no longer in the future', () => {
    const future = intent([], 6 * MINUTE);
    // Rejected first: it leaves nothing in the state.
    expect(expectedVerdict(future, { appendMs: NOW_MS + 2 * MINUTE, occurrence: 1 })).toBe('accept');
    const at = { appendMs: NOW_MS + 3 * MINUTE, occurrence: 2, acceptedBefore: true };
    expect(expectedVerdict(future, at)).toBe('skip');
  });

  it('has the first reason in the order of the rules, and all of them', () => {
    expect(expectedFindings(intent(['lifecycle.illegal_transition', 'duplicate.order'], 6 * MINUTE), { appendMs: NOW_MS, occurrence: 0 })).toEqual({
      outcome: 'reject:time.in_future',
      rules: ['time.in_future', 'duplicate.order', 'lifecycle.illegal_transition'],
    }); // prettier-ignore
    expect(intent(['structure.envelope_mismatch', 'structure.key_mismatch']).expected).toBe(
      'reject:structure.key_mismatch',
    );
  });

  it('has no reasons of the references of a record that is rejected before, and no flags of a rejected one', () => {
    const both = intent(['reference.unknown_vendor', 'drift.product'], 6 * MINUTE);
    expect(expectedFindings(both, { appendMs: NOW_MS, occurrence: 0 }).rules).toEqual(['time.in_future']);
    expect(expectedFindings(both, { appendMs: NOW_MS + DAY, occurrence: 0 }).rules).toEqual([
      'reference.unknown_vendor',
    ]);
  });
});
