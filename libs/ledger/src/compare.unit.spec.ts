import { type ExpectedOutcome } from '@orderstream/contracts';
import fc from 'fast-check';
import {
  compare,
  CONTENT,
  differences,
  letterOf,
  FIRST_EVENT,
  FIRST_NUMBER,
  type MutableEvidence,
  PARTITION,
  recordOf,
  runOf,
  sha256,
  TOPIC,
} from '../test/evidence-of-run';
import { type Accounts, isAccountedFor } from './accounts';
import { PlantedRecords } from './planted-records';

const outcome = fc.constantFrom<ExpectedOutcome | 'foreign'>(
  'accept',
  'repair',
  'skip',
  'reject:time.in_future',
  'reject:structure.malformed_json',
  'foreign',
);

/** An element that the run is known to have. */
function at<T>(list: readonly T[], index: number): T {
  const element = list[index];
  if (element === undefined) throw new RangeError(`no element ${String(index)}`);
  return element;
}

type Change = (evidence: MutableEvidence) => void;

describe('Comparison', () => {
  it('finds no difference in a run without any, and counts every record once', () => {
    fc.assert(
      fc.property(fc.array(outcome, { maxLength: 40 }), (outcomes) => {
        const of = (wanted: string): number => outcomes.filter((each) => each.startsWith(wanted)).length;
        const accounts = compare(runOf(outcomes));
        expect(accounts).toMatchObject({
          generated: outcomes.length - of('foreign'),
          accepted: of('accept'),
          repaired: of('repair'),
          skipped: of('skip'),
          deadLettered: of('reject:'),
          foreign: of('foreign'),
          foreignVerdicts: { accepted: of('foreign'), repaired: 0, skipped: 0, deadLettered: 0 },
          ...differences(),
          tables: {
            order_events: of('accept') + of('repair'),
            streaming_orders: of('accept') + of('repair'),
          },
        });
        expect(isAccountedFor(accounts)).toBe(true);
      }),
    );
  });

  /** Each changes the evidence of a run of one accepted, one repaired, one skipped and one rejected record. */
  const changes: readonly (readonly [string, Partial<Accounts>, Change])[] = [
    [
      'an acknowledged record that is not in the log',
      { missing: 1 },
      (evidence) => {
        evidence.raw.splice(2, 1); // the skipped one, which has no output
      },
    ],
    [
      'a record that is twice in the log',
      { duplicated: 1 },
      (evidence) => {
        evidence.raw.push({ ...at(evidence.raw, 2), offset: 99, timestamp: 99_000 });
      },
    ],
    [
      'a record without a verdict',
      { missing: 1 },
      (evidence) => {
        evidence.validated.shift();
        evidence.rows.shift();
        evidence.streaming.deliveries.delete(700);
      },
    ],
    [
      'a second validated record, in neither table',
      { duplicated: 1, missing: 2 },
      (evidence) => {
        evidence.validated.push({ ...at(evidence.validated, 0), offset: 900 });
      },
    ],
    [
      'a validated record without a raw record, in neither table',
      { unexplained: 1, missing: 2 },
      (evidence) => {
        evidence.validated.push({
          ...at(evidence.validated, 0),
          simulationId: 's-1:4711.0',
          identity: 'other x',
          offset: 900,
        });
      },
    ],
    [
      'a record that is validated and dead-lettered',
      { duplicated: 1, wrongVerdicts: 1 },
      (evidence) => {
        const { sha256 } = at(evidence.raw, 0);
        evidence.deadLetters.push(letterOf(50, 'time.in_future', sha256));
      },
    ],
    [
      'another reason than the expected one',
      { wrongVerdicts: 1 },
      (evidence) => {
        evidence.deadLetters = evidence.deadLetters.map((letter) => ({ ...letter, reason: 'time.too_late' }));
      },
    ],
    [
      'a record that was accepted instead of repaired',
      { wrongVerdicts: 1 },
      (evidence) => {
        evidence.validated[1] = { ...at(evidence.validated, 1), sha256: at(evidence.raw, 1).sha256 };
      },
    ],
    [
      'a record that was repaired without a flag',
      { wrongVerdicts: 1 },
      (evidence) => {
        evidence.validated[1] = { ...at(evidence.validated, 1), flags: [] };
      },
    ],
    [
      'a dead letter with other bytes',
      { unexplained: 1 },
      (evidence) => {
        evidence.deadLetters = evidence.deadLetters.map((letter) => ({ ...letter, sha256: sha256('other') }));
      },
    ],
    [
      'a dead letter without a record',
      { unexplained: 1 },
      (evidence) => {
        evidence.deadLetters.push(letterOf(4_711, 'time.in_future', sha256('x')));
      },
    ],
    [
      'a record that overtook another one',
      { outOfOrder: 1 },
      (evidence) => {
        evidence.validated.reverse();
      },
    ],
  ];

  it.each(changes)('reports %s, and nothing else', (_name, expected, change) => {
    const run = runOf(['accept', 'repair', 'skip', 'reject:time.in_future']);
    change(run.evidence);
    const accounts = compare(run);
    expect(accounts).toMatchObject(differences(expected));
    expect(isAccountedFor(accounts)).toBe(false);
    expect(accounts.examples.map((example) => example.split(':')[0])).toEqual(
      expect.arrayContaining(Object.keys(expected)),
    );
  });

  it('counts a record with a simulation-id of the run and other bytes as foreign', () => {
    const run = runOf(['accept']);
    const own = at(run.evidence.raw, 0);
    run.evidence.raw.push({ ...own, offset: 51, timestamp: 9_100, sha256: sha256('other'), identity: 'other x' });
    run.evidence.deadLetters.push(letterOf(51, 'structure.malformed_json', sha256('other')));
    const accounts = compare(run);
    expect(accounts).toMatchObject({ foreign: 1, foreignVerdicts: { deadLettered: 1 }, duplicated: 0, generated: 1 });
    expect(isAccountedFor(accounts)).toBe(true);
  });

  it('counts a record that was never acknowledged and is not in the log as unsent, not as missing', () => {
    const { evidence, expected, segment } = runOf([]);
    expected.add(segment, FIRST_NUMBER, recordOf(5, Buffer.from('x'), 'accept'));
    const accounts = compare({ evidence, expected });
    expect(accounts).toMatchObject({ generated: 1, unsent: 1, missing: 0 });
    expect(isAccountedFor(accounts)).toBe(true);
    segment.acknowledged = FIRST_NUMBER + 1;
    expect(compare({ evidence, expected })).toMatchObject({ generated: 1, unsent: 0, missing: 1 });
  });

  describe('of a record that was sent again', () => {
    /** One accepted and one rejected record, and both again behind them. */
    function resentRun() {
      const run = runOf(['accept', 'reject:time.in_future']);
      for (const [index, record] of [...run.evidence.raw].entries()) {
        run.evidence.raw.push({ ...record, offset: 60 + index, timestamp: 9_500 });
      }
      const { sha256 } = at(run.evidence.raw, 1);
      run.evidence.deadLetters.push(letterOf(61, 'time.in_future', sha256));
      return run;
    }
    const resumed = { from: FIRST_NUMBER, until: FIRST_NUMBER + 2 };

    it('expects that an accepted one is skipped, and a rejected one rejected again', () => {
      const run = resentRun();
      run.segment.resumed.push(resumed);
      const accounts = compare(run, { isWholeJournal: true });
      expect(accounts).toMatchObject({
        ...differences(),
        ...{ generated: 2, resent: 2, accepted: 1, skipped: 1, deadLettered: 2 },
      });
      expect(isAccountedFor(accounts)).toBe(true);
    });

    it('reports copies that the journal does not have', () => {
      expect(compare(resentRun())).toMatchObject(differences({ duplicated: 2 }));
    });

    it('reports that an accepted one was accepted again', () => {
      const run = resentRun();
      run.segment.resumed.push(resumed);
      const again = { ...at(run.evidence.validated, 0), offset: 710, timestamp: 9_500 };
      run.evidence.validated.push(again);
      run.evidence.rows.push({ offset: 710, eventId: again.eventId, content: CONTENT });
      run.evidence.streaming.deliveries.set(710, [CONTENT]);
      expect(compare(run)).toMatchObject(differences({ wrongVerdicts: 1 }));
    });

    it('reports that a rejected one was rejected only once', () => {
      const run = resentRun();
      run.segment.resumed.push(resumed);
      run.evidence.deadLetters.pop();
      expect(compare(run)).toMatchObject(differences({ missing: 1 }));
    });
  });

  describe('with the whole journal', () => {
    const isWholeJournal = true;
    const own = {
      offset: 50,
      timestamp: 9_000,
      sha256: sha256('body 0'),
      simulationId: `s-1:${String(FIRST_EVENT)}.0`,
      identity: 'shop event-0',
    };
    const stray = { ...own, offset: 60, timestamp: 9_100, identity: 'shop stray' };

    it.each([
      ['a simulation-id that the journal does not have', { ...stray, simulationId: 's-1:4711.0' }],
      ['a simulation-id that is none', { ...stray, simulationId: '-1e309' }],
      ['other bytes than its simulation-id has', { ...stray, sha256: sha256('other') }],
    ])('reports a record with %s as unexplained', (_name, raw) => {
      const run = runOf(['accept']);
      run.evidence.raw.push(raw);
      run.evidence.deadLetters.push(letterOf(60, 'structure.malformed_json', raw.sha256));
      expect(compare(run)).toMatchObject({ foreign: 1, unexplained: 0 });
      const accounts = compare(run, { isWholeJournal });
      expect(accounts).toMatchObject({ foreign: 1, unexplained: 1 });
      expect(accounts.examples).toEqual([expect.stringContaining(`${TOPIC}/3@60 carries simulation-id`)]);
      expect(isAccountedFor(accounts)).toBe(false);
    });

    it.each([
      ['topic', { rawTopic: 'marketplace.catalog.raw.v1' }],
      ['partition', { partition: PARTITION + 1 }],
    ])('reports a record of the journal in another %s as unexplained', (_name, elsewhere) => {
      const { evidence, expected } = runOf(['skip']);
      expect(compare({ evidence, expected }, { isWholeJournal })).toMatchObject({ unexplained: 0, missing: 0 });
      const accounts = compare({ evidence: { ...evidence, ...elsewhere }, expected }, { isWholeJournal });
      expect(accounts).toMatchObject({ unexplained: 1, missing: 1 });
    });

    it('reports neither records without a simulation-id nor planted records', () => {
      const run = runOf(['accept', 'foreign']);
      run.evidence.raw.push({ ...stray, simulationId: 's-1:4711.0' });
      const reason = 'structure.malformed_json';
      run.evidence.deadLetters.push(letterOf(60, reason, stray.sha256));
      const planted = new PlantedRecords([{ topic: TOPIC, partition: PARTITION, offset: 60, kind: 'odd', reason }]);
      const accounts = compare(run, { isWholeJournal, planted });
      expect(accounts).toMatchObject({ foreign: 2, planted: 1, unexplained: 0 });
      expect(isAccountedFor(accounts)).toBe(true);
    });
  });

  describe('of a planted record', () => {
    const REASON = 'structure.malformed_json';
    const planted = new PlantedRecords([
      { topic: TOPIC, partition: PARTITION, offset: 60, kind: 'garbage', reason: REASON },
    ]);
    const raw = { offset: 60, timestamp: 9_100, sha256: sha256('garbage'), simulationId: undefined, identity: '' };
    const letter = letterOf(60, REASON, raw.sha256);

    it.each([
      ['finds no difference with one dead letter for its reason', [raw], [letter], {}],
      ['reports a missing dead letter', [raw], [], { missing: 1 }],
      ['reports a missing record', [], [], { missing: 1 }],
      ['reports a second dead letter', [raw], [letter, letter], { duplicated: 1 }],
      ['reports another reason', [raw], [{ ...letter, reason: 'time.in_future' }], { wrongVerdicts: 1 }],
      ['reports other bytes', [raw], [{ ...letter, sha256: sha256('other') }], { unexplained: 1 }],
    ])('%s', (_name, records, letters, expected) => {
      const run = runOf(['accept']);
      run.evidence.raw.push(...records);
      run.evidence.deadLetters.push(...letters);
      const accounts = compare(run, { planted });
      expect(accounts).toMatchObject({ ...differences(expected), planted: records.length, foreign: records.length });
      expect(isAccountedFor(accounts)).toBe(Object.keys(expected).length === 0);
    });

    it('reports that it was validated', () => {
      const run = runOf(['accept']);
      run.evidence.raw.push(raw);
      run.evidence.validated.push({ ...raw, offset: 800, eventId: 'x', flags: [], content: CONTENT });
      run.evidence.rows.push({ offset: 800, eventId: 'x', content: CONTENT });
      run.evidence.streaming.deliveries.set(800, [CONTENT]);
      expect(compare(run, { planted })).toMatchObject(differences({ wrongVerdicts: 1 }));
    });

    describe('that must be accepted', () => {
      const accepted = new PlantedRecords([
        { topic: TOPIC, partition: PARTITION, offset: 60, kind: 'null header', reason: undefined },
      ]);
      const identified = { ...raw, identity: '/planted 1' };
      const validated = { ...identified, offset: 800, eventId: '1', flags: [], content: CONTENT };

      it.each([
        ['finds no difference with one validated record', [validated], [], {}],
        ['reports a missing validated record', [], [], { missing: 1 }],
        ['reports a dead letter', [], [letter], { wrongVerdicts: 1 }],
        [
          'reports that it was repaired',
          [{ ...validated, sha256: sha256('other'), flags: ['drift.vendor'] }],
          [],
          { wrongVerdicts: 1 },
        ],
        ['reports a second validated record', [validated, { ...validated, offset: 801 }], [], { duplicated: 1 }],
      ])('%s', (_name, outputs, letters, expected) => {
        const run = runOf(['accept']);
        run.evidence.raw.push(identified);
        run.evidence.deadLetters.push(...letters);
        for (const output of outputs) {
          run.evidence.validated.push(output);
          run.evidence.rows.push({ offset: output.offset, eventId: '1', content: CONTENT });
          run.evidence.streaming.deliveries.set(output.offset, [CONTENT]);
        }
        expect(compare(run, { planted: accepted })).toMatchObject(differences(expected));
      });
    });

    it('does not expect one that was planted before the run', () => {
      expect(compare(runOf(['accept']), { planted: planted.since(() => ({ log: 0, offset: 61 })) })).toMatchObject({
        missing: 0,
        planted: 0,
      });
    });
  });
});
