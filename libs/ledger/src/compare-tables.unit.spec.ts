import { compare, CONTENT, contentOf, differences, type MutableEvidence, runOf } from '../test/evidence-of-run';
import { type Accounts, isAccountedFor } from './accounts';

type Change = (evidence: MutableEvidence) => void;

/** Each changes the tables of a run of two accepted records, with the validated offsets 700 and 702. */
const changes: readonly (readonly [string, Partial<Accounts>, Change])[] = [
  [
    'a record without a row',
    { missing: 1 },
    (evidence) => {
      evidence.rows.pop();
    },
  ],
  [
    'a second row of a record',
    { duplicated: 1 },
    (evidence) => {
      evidence.rows.push(...evidence.rows.slice(0, 1));
    },
  ],
  [
    'a row of another event at the coordinates',
    { unexplained: 1 },
    (evidence) => {
      evidence.rows[0] = { offset: 700, eventId: 'event-9', content: CONTENT };
    },
  ],
  [
    'a row with other content',
    { unexplained: 1 },
    (evidence) => {
      evidence.rows[0] = { offset: 700, eventId: 'event-0', content: contentOf({ item_price: '12.51' }) };
    },
  ],
  [
    'a delivery with other content',
    { unexplained: 1 },
    (evidence) => {
      evidence.streaming.deliveries.set(700, [CONTENT, contentOf({ vendor_name: null })]);
    },
  ],
  [
    'a row without a record',
    { unexplained: 1 },
    (evidence) => {
      evidence.rows.push({ offset: 999, eventId: 'event-9', content: CONTENT });
    },
  ],
  [
    'a record that the sink rejected',
    { rejected: 1, missing: 1 },
    (evidence) => {
      evidence.rejectedBySink.push(700);
      evidence.rows.shift();
    },
  ],
  [
    'an order that was not delivered',
    { missing: 1 },
    (evidence) => {
      evidence.streaming.deliveries.delete(700);
    },
  ],
  [
    'an order that the bridge rejected',
    { rejected: 1, missing: 1 },
    (evidence) => {
      evidence.streaming.rejected.push(700);
      evidence.streaming.deliveries.delete(700);
    },
  ],
  [
    'a delivery without a record',
    { unexplained: 1 },
    (evidence) => {
      evidence.streaming.deliveries.set(999, [CONTENT]);
    },
  ],
];

describe('Comparison of tables', () => {
  it.each(changes)('reports %s, and nothing else', (_name, expected, change) => {
    const run = runOf(['accept', 'accept']);
    change(run.evidence);
    const accounts = compare(run);
    expect(accounts).toMatchObject(differences(expected));
    expect(isAccountedFor(accounts)).toBe(false);
  });

  describe('when rejections by the sink are expected', () => {
    const rejectionsExpected = true;

    it('finds a rejected record without a row accounted for', () => {
      const run = runOf(['accept', 'accept']);
      run.evidence.rejectedBySink.push(700);
      run.evidence.rows.shift();
      const accounts = compare(run, { rejectionsExpected });
      expect(accounts).toMatchObject(differences({ rejected: 1 }));
      expect(isAccountedFor(accounts)).toBe(true);
    });

    it('reports a record that is rejected and has a row, and one that is rejected twice', () => {
      const run = runOf(['accept', 'accept']);
      run.evidence.rejectedBySink.push(700);
      expect(compare(run, { rejectionsExpected })).toMatchObject(differences({ rejected: 1, duplicated: 1 }));
      run.evidence.rows.shift();
      run.evidence.rejectedBySink.push(700);
      expect(compare(run, { rejectionsExpected })).toMatchObject(differences({ rejected: 1, duplicated: 1 }));
    });
  });

  it('allows a subscription to deliver more than once, and counts it', () => {
    const run = runOf(['accept', 'accept']);
    run.evidence.streaming.deliveries.set(700, [CONTENT, CONTENT, CONTENT]);
    const accounts = compare(run);
    expect(accounts).toMatchObject({ redelivered: 2, duplicated: 0, tables: { streaming_orders: 2 } });
    expect(isAccountedFor(accounts)).toBe(true);
  });

  it("counts missing rows below the sink's committed offset apart from those above it", () => {
    const run = runOf(['accept', 'accept', 'accept']);
    run.evidence.rows.length = 1;
    expect(compare(run)).toMatchObject({ missing: 2, missingBelowCommit: 0 });
    run.evidence.sinkCommitted = 703;
    expect(compare(run)).toMatchObject({ missing: 2, missingBelowCommit: 1 });
  });
});
