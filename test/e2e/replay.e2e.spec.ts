import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deadLetterTopic, parkedTopic, validatedTopic } from '@orderstream/contracts';
import { LateCatalog } from '../support/late-catalog';
import { announce, createPlan, expectReplayed, ORDERS, rejectOrders, TOPIC } from '../support/late-orders';
import { type Plan, ReplayStack } from '../support/replay-stack';

jest.setTimeout(400_000);

/** Orders of the plans that are edited, stopped, or come back. */
const FEW = 20;
/** A record that fails more often is parked. */
const MAX_ATTEMPTS = 5;

describe('rejected orders', () => {
  let stack: ReplayStack;

  beforeAll(async () => {
    stack = await ReplayStack.start();
  });
  afterAll(async () => {
    expect(await stack.stop()).toBe(143);
  });

  it('come back with their payments and shipments when the catalog has arrived, although the breaker had tripped', async () => {
    const late = new LateCatalog(ORDERS, Date.now());
    const rejected = await rejectOrders(stack, late);
    await announce(stack, late);
    const { id } = await createPlan(stack, late, rejected, '--rate', '2000', '--canary', '50');
    await expectReplayed(stack, late, await stack.ctl<Plan>('replay', 'start', id, '--yes', '--watch'));
  });

  it('are corrected by a patch, each as a new event', async () => {
    const late = new LateCatalog(FEW, Date.now(), { item_price: '-9.90' });
    await announce(stack, late);
    const from = new Date().toISOString();
    await late.sendOrders(stack.kafka());
    const reason = 'structure.invalid_field';
    await stack.letters(TOPIC, reason, from, FEW);
    const patch = join(stack.home, 'patch.json');
    writeFileSync(patch, '[{"op": "replace", "path": "/item_price", "value": "9.90"}]');
    const filter = ['--topic', TOPIC, '--reason', reason, '--from', from, '--field', `vendor_id=${late.vendorId}`];
    const edit = ['--no-followers', '--edit', patch, '--preview'];
    const { id, preview } = await stack.ctl<Plan>('replay', 'create', ...filter, ...edit);
    expect(preview).toMatchObject({ total: FEW, dryRun: { passes: FEW } });
    const plan = await stack.ctl<Plan>('replay', 'start', id, '--yes', '--watch');
    expect(plan).toMatchObject({ state: 'finished', progress: { returned: FEW, cameBack: 0 } });
    const query = `SELECT event_id, CAST(item_price AS STRING) AS price FROM \`{dataset}.order_events\`
      WHERE STARTS_WITH(customer_id, @prefix) AND event_type = 'order.placed'`;
    const rows = await stack.untilRows('the corrected orders', FEW, query, { prefix: late.customerPrefix });
    expect(rows.map(({ price }) => Number(price))).toEqual(Array<number>(FEW).fill(9.9));
    const sent = new Set(late.ids);
    expect(rows.filter(({ event_id: eventId }) => sent.has(String(eventId)))).toEqual([]);
  });

  it('that fail again stop the plan at its canary, and are parked after five attempts', async () => {
    const late = new LateCatalog(FEW, Date.now());
    let from = new Date().toISOString();
    await late.sendOrders(stack.kafka());
    const reason = 'reference.unknown_vendor';
    const field = ['--field', `vendor_id=${late.vendorId}`];
    const letters = (topic: string, since: string, count: number): ReturnType<ReplayStack['letters']> =>
      stack.letters(topic, reason, since, count, ...field);
    await letters(TOPIC, from, FEW);
    const create = async (...options: readonly string[]): Promise<string> => {
      const filter = ['--topic', TOPIC, '--reason', reason, '--from', from, '--no-followers', ...field];
      return (await stack.ctl<Plan>('replay', 'create', ...filter, ...options, '--preview')).id;
    };
    const stopped = await create('--canary', '5');
    const { code, out } = await stack.runCtl('replay', 'start', stopped, '--yes', '--watch');
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({ state: 'stopped', progress: { returned: 5, cameBack: 5 } });

    // The letters of the canary have failed twice, the others once.
    for (let attempt = 2; attempt <= MAX_ATTEMPTS + 1; attempt++) {
      const id = await create('--stop-above', '1');
      from = new Date().toISOString();
      await stack.ctl<Plan>('replay', 'start', id, '--yes', '--watch');
      const canary = attempt === MAX_ATTEMPTS ? 5 : 0;
      if (attempt <= MAX_ATTEMPTS) await letters(TOPIC, from, FEW - canary);
    }
    const parked = await letters(parkedTopic(TOPIC), '1d', FEW);
    expect(parked).toHaveLength(FEW);
    expect(new Set(parked.map(({ eventId }) => eventId)).size).toBe(FEW);
  });

  it('by BigQuery are rows with their original coordinates once the column of their table is wide enough', async () => {
    const late = new LateCatalog(FEW, Date.now(), { item_price: '1234567.89' });
    await announce(stack, late);
    await stack.rows('ALTER TABLE `{dataset}.order_events` ALTER COLUMN item_price SET DATA TYPE NUMERIC(8, 2)');
    const from = new Date().toISOString();
    await late.sendOrders(stack.kafka());
    const validated = validatedTopic('orders');
    const topic = deadLetterTopic(validated, 'bq-sink');
    const letters = await stack.letters(topic, 'sink.row_rejected', from, FEW);
    await stack.rows('ALTER TABLE `{dataset}.order_events` ALTER COLUMN item_price SET DATA TYPE NUMERIC');

    const create = ['--topic', topic, '--reason', 'sink.row_rejected', '--from', from, '--preview'];
    const { id, preview } = await stack.ctl<Plan>('replay', 'create', ...create);
    expect(preview).toMatchObject({ total: FEW, dryRun: { undecided: FEW } });
    const plan = await stack.ctl<Plan>('replay', 'start', id, '--yes', '--watch');
    expect(plan).toMatchObject({ state: 'finished', progress: { returned: FEW, cameBack: 0 } });

    const query = `SELECT event_id, _kafka_topic AS t, _kafka_partition AS p, _kafka_offset AS o,
        _retry_partition IS NOT NULL AS is_retried
      FROM \`{dataset}.order_events\` WHERE event_source = @source`;
    const rows = await stack.untilRows('every event of the orders', 3 * FEW, query, { source: late.source });
    expect(rows.map(({ event_id: eventId }) => String(eventId)).sort()).toEqual(late.ids);
    const returned = rows.filter(({ is_retried: isRetried }) => isRetried === true);
    const places = returned.map((row) => [row.event_id, row.t, Number(row.p), Number(row.o)]);
    const originals = letters.map(({ eventId, source }) => [eventId, validated, source.partition, source.offset]);
    expect(places.sort()).toEqual(originals.sort());
  });
});
