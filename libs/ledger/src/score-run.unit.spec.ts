import { type ExpectedOutcome } from '@orderstream/contracts';
import { type ScoreReport } from '@orderstream/simulation';
import { type Run, runOf } from '../test/evidence-of-run';
import { type VerdictRecords } from './read-records';
import { ScoredRecords } from './score-run';
import { perFamily } from './snapshot';

const NOTHING = { input: 0, accepted: 0, repaired: 0, skipped: 0, deadLettered: 0, passedOver: 0, flagged: 0 };

const recordsOf = ({ evidence: { raw, validated, deadLetters } }: Run): VerdictRecords => ({
  raw,
  validated,
  letters: deadLetters,
});

function scoreOf(run: Run, counters: Partial<typeof NOTHING>, records = recordsOf(run)): ScoreReport {
  const score = new ScoredRecords(run.expected);
  score.add(records);
  return score.report(5, { ...perFamily(NOTHING), orders: { ...NOTHING, ...counters } });
}

const OUTCOMES: readonly ExpectedOutcome[] = ['accept', 'repair', 'skip', 'reject:time.in_future', 'accept'];
const COUNTERS = { input: 5, accepted: 2, repaired: 1, skipped: 1, deadLettered: 1 };

/** Rules with a number that is not 0, as `code injected/found/false alarms`. */
const linesOf = ({ rules }: ScoreReport): readonly string[] =>
  rules
    .filter(({ injected, falseAlarms }) => injected + falseAlarms > 0)
    .map(({ code, injected, found, falseAlarms }) => `${code} ${injected}/${found}/${falseAlarms}`);

describe('the score of a run', () => {
  it('finds each record by its output, its dead letter or the lack of both', () => {
    const report = scoreOf(runOf(OUTCOMES), COUNTERS);
    expect(report).toMatchObject({
      events: 5,
      accounting: {
        records: 5,
        results: { accepted: 2, repaired: 1, skipped: 1, deadLettered: 1, missing: 0 },
        unexpected: 0,
        addsUp: true,
      },
    });
  });

  it('counts an accepted record that had to be rejected as missed, and a rejected one that had to be accepted as a false alarm', () => {
    const run = runOf(['accept', 'reject:reference.unknown_vendor', 'accept']);
    const { deadLetters, validated } = run.evidence;
    const [letter] = deadLetters.splice(0, 1);
    const [first] = validated.splice(0, 1);
    const [raw, broken] = run.evidence.raw;
    if (!letter || !first || !raw || !broken) throw new Error('the run lacks a record');
    deadLetters.push({ ...letter, sourceOffset: raw.offset, rules: [letter.reason, 'time.in_future'] });
    validated.push({ ...first, ...broken, offset: first.offset });
    const report = scoreOf(run, { input: 3, accepted: 2, deadLettered: 1 });
    expect(linesOf(report)).toEqual(['time.in_future 0/0/1', 'reference.unknown_vendor 1/0/1']);
    expect(report.accounting).toMatchObject({ unexpected: 2, addsUp: true });
  });

  it('counts a record without any output as missing, unless it had to be skipped', () => {
    const run = runOf(['accept', 'skip']);
    run.evidence.validated.splice(0);
    expect(scoreOf(run, { input: 2, skipped: 2 }).accounting).toMatchObject({
      results: { accepted: 0, skipped: 1, missing: 1 },
      addsUp: false,
    });
  });

  it('expects a record that was sent again to be skipped at its second place', () => {
    const run = runOf(['accept']);
    const { raw } = recordsOf(run);
    const again = raw.map((record) => ({ ...record, offset: record.offset + 1, timestamp: record.timestamp + 1 }));
    const records = { ...recordsOf(run), raw: [...raw, ...again] };
    const report = scoreOf(run, { input: 2, accepted: 1, skipped: 1 }, records);
    expect(linesOf(report)).toEqual(['duplicate.event 1/1/0']);
    expect(report.accounting).toMatchObject({ unexpected: 0, addsUp: true });
  });

  it('is not made of topics with records of another run', () => {
    expect(() => scoreOf(runOf(['accept', 'foreign']), { input: 2, accepted: 2 })).toThrow(
      /1 records .* not in the journal/,
    );
  });
});
