import { FAMILIES, type Family } from '@orderstream/contracts';
import { type OutputRecord, partitionFor } from '@orderstream/kafka';
import { PlantedRecords } from '@orderstream/ledger';
import {
  Catalog,
  DEFAULT_STATE_LIMITS,
  PartitionState,
  qualitySettings,
  RuleEvaluator,
  StateOverlay,
  type Verdict,
} from '@orderstream/quality';
import { Rng } from '@orderstream/random';

import { poisonFor } from './poison-records';
import { batchOf, sendPoison } from './send-poison';

const evaluatorOf = (family: Family): RuleEvaluator =>
  new RuleEvaluator({ family, settings: qualitySettings(), partitionOf: (key) => partitionFor(key) });

describe('poison records', () => {
  it.each(FAMILIES)('of %s get the verdict that is expected of each', (family) => {
    const catalog = new Catalog();
    const got: string[] = [];
    const expected: string[] = [];
    for (const make of poisonFor(family, Rng.seeded(7))) {
      const { record, kind, reason } = make();
      const evaluator = evaluatorOf(kind === 'announcement' ? 'catalog' : family);
      const { verdict } = evaluator.evaluate(
        { ...record, timestamp: Date.now() },
        new StateOverlay(new PartitionState(DEFAULT_STATE_LIMITS)),
        catalog,
        true,
      );
      if (kind === 'announcement') catalog.apply(JSON.parse(String(record.value)));
      got.push(`${kind}: ${textOf(verdict)}`);
      expected.push(`${kind}: ${reason ?? 'accept'}`);
    }
    expect(got).toEqual(expected);
  });

  it('are other events at each call', () => {
    const ids = poisonFor('customers', Rng.seeded(7)).map((make) =>
      [make(), make()].map(({ record }) => record.headers.ce_id),
    );
    expect(ids.filter(([first, second]) => typeof first === 'string' && first === second)).toEqual([]);
  });
});

const textOf = (verdict: Verdict): string =>
  verdict.kind === 'reject' ? (verdict.reasons[0]?.code ?? '') : verdict.kind;

describe('a poison record', () => {
  const record: OutputRecord = {
    topic: 't',
    partition: 2,
    key: null,
    value: Buffer.from('{}'),
    headers: { 'a-name': 'x' },
  };

  it('may have a header whose name is no text', async () => {
    const batch = await batchOf({ record, renamed: ['a-name', Buffer.alloc(6, 0xff)] });
    expect(batch.includes(Buffer.alloc(6, 0xff))).toBe(true);
    await expect(batchOf({ record, renamed: ['b-name', Buffer.alloc(6, 0xff)] })).rejects.toThrow('no header b-name');
  });

  it('is counted before it is sent, and known once it is acknowledged', async () => {
    const planted = new PlantedRecords();
    const target = { broker: '', planted };
    const made = { record, kind: 'odd', reason: undefined };
    const range = { topic: 't', partition: 2, baseOffset: 40, count: 1 };
    await sendPoison({ ...target, producer: { send: () => Promise.resolve([range]) } }, () => made);
    expect(planted.find('t', 0, 2, 40)).toMatchObject({ kind: 'odd', reason: undefined });
    const failing = sendPoison({ ...target, producer: { send: () => Promise.reject(new Error('gone')) } }, () => made);
    await expect(failing).rejects.toThrow('gone');
    expect([planted.sent, planted.size]).toEqual([2, 1]);
  });
});
