import { randomUUID } from 'node:crypto';
import { deadLetterTopic, rawTopic, validatedTopic } from '@orderstream/contracts';
import { type KafkaRecord, type OutputRecord, partitionFor } from '@orderstream/kafka';
import {
  Catalog,
  CatalogVersions,
  CatalogVersionsOverlay,
  type Evaluation,
  PartitionState,
  qualitySettings,
  RuleEvaluator,
  StateOverlay,
} from '@orderstream/quality';
import fc from 'fast-check';
import { evaluate, NOW } from '../../test/evaluate';
import {
  type Body,
  customerIn,
  newShop,
  orderPlaced,
  productListed,
  rawRecord,
  sessionStarted,
  vendorOnboarded,
} from '../../test/events';

const PARTITION = 3;

const record = (body: Body, offset: number, changes: Partial<OutputRecord> = {}): KafkaRecord => ({
  ...rawRecord(body, changes),
  offset,
  timestamp: Date.parse(String(body.occurred_at)),
});
const broken = (offset: number): KafkaRecord =>
  record(sessionStarted(customerIn(PARTITION)), offset, { value: Buffer.from('broken') });

/** Topic and event id of each output. */
const outline = (outputs: readonly OutputRecord[]): unknown[] =>
  outputs.map(({ topic, partition, headers }) => [topic, partition, String(headers.ce_id)]);
const idOf = ({ headers }: KafkaRecord): string => String(headers.ce_id);

const VALIDATED = validatedTopic('interactions');
const DEAD = deadLetterTopic(rawTopic('interactions'), 'validator');

describe('evaluateBatch', () => {
  it('gives accepted and rejected records one output each and skipped ones none, in the order of the input', () => {
    const first = record(sessionStarted(customerIn(PARTITION)), 10);
    const bad = broken(11);
    const repeated: KafkaRecord = { ...first, offset: 12 };
    const last = record(sessionStarted(customerIn(PARTITION)), 15);
    const state = new PartitionState();
    const overlay = new StateOverlay(state);
    const evaluated = evaluate('interactions', [first, bad, repeated, last], overlay);

    expect(outline(evaluated.outputs)).toEqual([
      [VALIDATED, PARTITION, idOf(first)],
      [DEAD, PARTITION, idOf(bad)],
      [VALIDATED, PARTITION, idOf(last)],
    ]);
    expect(evaluated.outputs[1]?.headers).toMatchObject({
      'dlq-reason': 'structure.malformed_json',
      'dlq-source-offset': '11',
      'dlq-failed-at': NOW.toISOString(),
    });
    expect(evaluated.verdicts).toEqual(['accept', 'reject', 'skip', 'accept']);
    expect(evaluated.deadLettered.map(({ record: { offset }, reasons }) => [offset, reasons[0]?.code])).toEqual([
      [11, 'structure.malformed_json'],
    ]);
    expect(evaluated).toMatchObject({ end: 4, missing: [], ruleFailures: [] });
    expect(overlay.accounting).toMatchObject({ input: 4, accepted: 2, deadLettered: 1, skipped: 1 });
    // The changes are in the overlay alone.
    expect(state.accounting.input).toBe(0);
  });

  it('counts the attempts of a replayed record at its new place, parks the sixth, and counts it as dead-lettered', () => {
    const overlay = new StateOverlay(new PartitionState());
    let replayed = broken(10);
    const built = [10, 20, 30, 40, 50, 60].map((offset) => {
      const batch = evaluate('interactions', [{ ...replayed, offset }], overlay);
      const [letter] = batch.outputs as [OutputRecord];
      replayed = { ...replayed, headers: letter.headers };
      const { headers } = letter;
      expect(headers).toMatchObject({ 'dlq-source-offset': String(offset), 'dlq-source-topic': replayed.topic });
      return [letter.topic, headers['dlq-attempt'], batch.deadLettered[0]?.isParked];
    });
    expect(built).toEqual([
      ...['1', '2', '3', '4', '5'].map((attempt) => [DEAD, attempt, false]),
      [`${DEAD}.parked`, '6', true],
    ]);
    expect(overlay.accounting).toMatchObject({ input: 6, accepted: 0, deadLettered: 6 });
  });

  it('copies no header of a dead letter onward when its record is accepted at last', () => {
    const accepted = record(sessionStarted(customerIn(PARTITION)), 12);
    const headers = { ...accepted.headers, 'dlq-attempt': '3', 'dlq-app': 'validator', 'dlq-first-failed-at': 'x' };
    const evaluated = evaluate('interactions', [{ ...accepted, headers }], new StateOverlay(new PartitionState()));
    expect(evaluated.outputs.map(({ topic }) => topic)).toEqual([VALIDATED]);
    expect(Object.keys(evaluated.outputs[0]?.headers ?? {}).filter((name) => name.startsWith('dlq-'))).toEqual([]);
  });

  it('stops at the first record that has to wait for the catalog, and rejects it once the catalog is complete', () => {
    const known = newShop();
    const unknown = newShop();
    const catalog = new Catalog();
    for (const body of [vendorOnboarded(known), productListed(known)]) catalog.apply(body);
    const [before, waiting, after] = [known, unknown, known].map((shop, index) =>
      record(orderPlaced(shop, customerIn(PARTITION)), 20 + index),
    ) as [KafkaRecord, KafkaRecord, KafkaRecord];
    const overlay = new StateOverlay(new PartitionState());

    const first = evaluate('orders', [before, waiting, after], overlay, { catalog });
    expect(first.end).toBe(1);
    expect(first.missing).toEqual([
      { entity: 'vendor', id: unknown.vendor_id },
      { entity: 'product', id: unknown.item_sku },
    ]);
    expect(outline(first.outputs)).toEqual([[validatedTopic('orders'), PARTITION, idOf(before)]]);
    expect(overlay.accounting.input).toBe(1);

    const rest = evaluate('orders', [waiting, after], overlay, { catalog, catalogComplete: true });
    expect(rest).toMatchObject({ end: 2, missing: [], verdicts: ['reject', 'accept'] });
    expect(rest.deadLettered[0]?.reasons[0]?.code).toBe('reference.unknown_vendor');
    expect(overlay.accounting).toMatchObject({ input: 3, accepted: 2, deadLettered: 1 });
  });

  it('announces the accepted records of the catalog to its versions, and no others', () => {
    const shop = newShop();
    const vendor = vendorOnboarded(shop);
    const product = { ...productListed(shop), item_price: 'free' };
    const versions = new CatalogVersions();
    const overlay = new CatalogVersionsOverlay(versions);
    const records = [vendor, product].map((body, index) => record(body, index));
    const evaluated = evaluate('catalog', records, new StateOverlay(new PartitionState()), { versions: overlay });
    expect(evaluated.verdicts).toEqual(['accept', 'reject']);
    expect(Array.from(overlay.records(2), ({ key }) => key)).toEqual([`vendor/${shop.vendor_id}`, 'position']);
    overlay.fold(2);
    expect(versions.catalog.vendor(shop.vendor_id)?.at(Date.now() * 1_000)?.vendor_name).toBe('Becker and Sons');
  });

  it.each([
    ['right', 0, [80, 70], 2],
    ['right, and the first version has ended 91 days before', 0, [200, 91], 1],
    ['a year ahead of the clock', 365 * 86_400_000, [80, 70], 2],
  ])('drops versions of the catalog by an append time that is %s', (_, aheadMs, ages, versionsLeft) => {
    const shop = newShop();
    const records = ages.map((days, index) => {
      const occurred_at = new Date(NOW.getTime() - days * 86_400_000).toISOString();
      const body = { ...vendorOnboarded(shop), occurred_at, vendor_name: `Name ${String(index)}` };
      return { ...record(body, index), timestamp: NOW.getTime() + aheadMs };
    });
    const versions = new CatalogVersions();
    const overlay = new CatalogVersionsOverlay(versions);
    const evaluated = evaluate('catalog', records, new StateOverlay(new PartitionState()), { versions: overlay });
    expect(evaluated.verdicts).toEqual(['accept', 'accept']);
    overlay.fold(2);
    expect(versions.catalog.vendor(shop.vendor_id)?.entries).toHaveLength(versionsLeft);
  });

  it.each([
    [2, 'accepts', ['accept', 'accept', 'accept'], []],
    [3, 'rejects', ['accept', 'reject', 'accept'], ['a defect']],
  ])('when a rule throws %i times on a record, %s it and goes on', (failures, _, verdicts, reported) => {
    const records = [30, 31, 32].map((offset) => record(sessionStarted(customerIn(PARTITION)), offset));
    let calls = 0;
    class FailingEvaluator extends RuleEvaluator {
      override evaluate(...args: Parameters<RuleEvaluator['evaluate']>): Evaluation {
        if (args[0] === records[1] && ++calls <= failures) throw new RangeError('a defect');
        return super.evaluate(...args);
      }
    }
    const evaluator = new FailingEvaluator({
      family: 'interactions',
      settings: qualitySettings(),
      partitionOf: (key) => partitionFor(key),
    });
    const evaluated = evaluate('interactions', records, new StateOverlay(new PartitionState()), { evaluator });
    expect(calls).toBe(3);
    expect(evaluated.verdicts).toEqual(verdicts);
    expect(evaluated.ruleFailures.map(({ error }) => (error as Error).message)).toEqual(reported);
    expect(evaluated.deadLettered.map(({ record: { offset }, reasons }) => [offset, reasons])).toEqual(
      failures < 3
        ? []
        : [
            [
              31,
              [
                {
                  code: 'internal.rule_failed',
                  path: 'value',
                  constraint: 'hasVerdict: expected a verdict after 3 attempts, found RangeError',
                },
              ],
            ],
          ],
    );
  });

  it('gives the same outputs and accounts wherever the input is cut into batches', () => {
    const pool = [
      ...Array.from({ length: 4 }, () => record(sessionStarted(customerIn(PARTITION)), 0)),
      broken(0),
      record({ ...sessionStarted(customerIn(PARTITION)), event_id: randomUUID(), colour: 'red' }, 0),
    ];
    const input = fc.array(fc.record({ from: fc.nat(pool.length - 1), cut: fc.boolean() }), { maxLength: 30 });
    fc.assert(
      fc.property(input, (steps) => {
        const records = steps.flatMap(({ from }, offset) => {
          const one = pool[from];
          return one === undefined ? [] : [{ ...one, offset }];
        });
        const whole = new StateOverlay(new PartitionState());
        const expected = evaluate('interactions', records, whole);

        const state = new PartitionState();
        const outputs: OutputRecord[] = [];
        let begin = 0;
        for (let end = 1; end <= records.length; end++) {
          if (steps[end - 1]?.cut !== true && end < records.length) continue;
          const overlay = new StateOverlay(state);
          outputs.push(...evaluate('interactions', records.slice(begin, end), overlay).outputs);
          overlay.fold(end);
          begin = end;
        }
        expect(outputs).toEqual(expected.outputs);
        expect(state.accounting).toEqual(whole.accounting);
        expect(whole.accounting.input).toBe(records.length);
      }),
    );
  });
});
