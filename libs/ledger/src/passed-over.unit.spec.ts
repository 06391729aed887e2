import { compare, CONTENT, differences, letterOf, PARTITION, runOf, sha256, TOPIC } from '../test/evidence-of-run';
import { isAccountedFor } from './accounts';
import { Comparison } from './compare';
import { PlantedRecords } from './planted-records';

describe('PassedOverComparison', () => {
  const raw = { offset: 60, timestamp: 9_100, sha256: sha256('garbage'), simulationId: undefined, identity: '' };
  const letter = letterOf(60, 'structure.malformed_json', raw.sha256);

  describe.each([
    ['a raw', TOPIC, 'raw'],
    ['a validated', 'marketplace.orders.validated.v1', 'validated'],
  ] as const)('of a planted record that an operator must skip with its batch, in %s topic', (_topic, topic, log) => {
    const passedOver = new PlantedRecords(
      [900, 901].map((offset) => ({
        topic,
        partition: PARTITION,
        offset,
        kind: 'damaged',
        reason: undefined,
        isPassedOver: true,
      })),
    );
    const batch = { topic, firstOffset: 900, lastOffset: 901, records: 2 };
    const record = (offset: number) => ({ ...raw, offset, identity: `/planted ${String(offset)}` });
    const records = [900, 901].map(record);

    it.each([
      ['finds no difference with the one dead letter of its batch', records, [batch], {}],
      ['reports that its batch has no dead letter', records, [], { missing: 2 }],
      ['reports a missing record', records.slice(1), [batch], { missing: 1, unexplained: 1 }],
      ['reports a second dead letter of its batch', records, [batch, batch], { duplicated: 2 }],
      ['reports another count', records, [{ ...batch, records: 3 }], { unexplained: 1 }],
      ['reports a batch that is too short', records, [{ ...batch, lastOffset: 900, records: 1 }], { missing: 1 }],
      ['reports a batch of other records', records, [{ ...batch, topic: 'other' }], { missing: 2 }],
    ])('%s', (_name, found, batches, expected) => {
      const run = runOf(['accept']);
      if (log === 'raw') run.evidence.raw.push(...found);
      else
        run.evidence.validated.push(...found.map((each) => ({ ...each, eventId: 'x', flags: [], content: CONTENT })));
      run.evidence.skippedBatches.push(...batches);
      const accounts = compare(run, { planted: passedOver });
      expect(accounts).toMatchObject(differences(expected));
      expect(isAccountedFor(accounts)).toBe(Object.keys(expected).length === 0);
    });

    it('counts it, and neither as planted nor with a verdict', () => {
      const run = runOf(['accept']);
      if (log === 'raw') run.evidence.raw.push(...records);
      else
        run.evidence.validated.push(...records.map((each) => ({ ...each, eventId: 'x', flags: [], content: CONTENT })));
      run.evidence.skippedBatches.push(batch);
      const comparison = new Comparison(run.expected, { planted: passedOver });
      comparison.add(run.evidence);
      const rawRecords = log === 'raw' ? 2 : 0;
      expect(comparison.finish()).toMatchObject({ passedOver: 2, planted: 0, foreign: rawRecords });
      expect(comparison.outcomes()).toEqual({
        accepted: 1,
        repaired: 0,
        skipped: 0,
        deadLettered: 0,
        passedOver: rawRecords,
      });
    });
  });

  it('reports records of the run in the dead letter of a batch', () => {
    const run = runOf(['accept', 'accept']);
    run.evidence.validated.length = 0;
    run.evidence.rows.length = 0;
    run.evidence.streaming.deliveries.clear();
    run.evidence.skippedBatches.push({ topic: TOPIC, firstOffset: 50, lastOffset: 51, records: 2 });
    expect(compare(run)).toMatchObject(differences({ missing: 2, unexplained: 1 }));
  });

  it.each([
    ['validated', { validated: 1 }],
    ['dead-lettered by itself', { deadLetters: 1 }],
    ['a row', { rows: 1 }],
  ])('reports that one of a skipped batch was %s', (_name, outputs: Partial<Record<string, number>>) => {
    const run = runOf(['accept']);
    const skipped = { topic: TOPIC, partition: PARTITION, offset: 60, kind: 'damaged', isPassedOver: true };
    run.evidence.raw.push(raw);
    run.evidence.skippedBatches.push({ topic: TOPIC, firstOffset: 60, lastOffset: 60, records: 1 });
    if (outputs.validated) {
      run.evidence.validated.push({ ...raw, offset: 800, eventId: 'x', flags: [], content: CONTENT });
      run.evidence.rows.push({ offset: 800, eventId: 'x', content: CONTENT });
      run.evidence.streaming.deliveries.set(800, [CONTENT]);
    }
    if (outputs.deadLetters) run.evidence.deadLetters.push(letter);
    if (outputs.rows) run.evidence.rows.push({ offset: 900, eventId: 'x', content: CONTENT });
    const accounts = compare(run, { planted: new PlantedRecords([{ ...skipped, reason: undefined }]) });
    expect(accounts).toMatchObject(differences({ unexplained: 1 }));
  });
});
