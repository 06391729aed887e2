import { customerHash, PARTITIONS, stateTopic } from '@orderstream/contracts';
import { waitUntil } from '@orderstream/deadlines';
import { readCommitted } from '../../../test/support/read-committed';
import { type ForgottenDto } from '../src/control/forget-customer.dto';
import { type Body, customerIn, newShop, orderPlaced, productListed, rawRecord, vendorOnboarded } from './events';
import { arrival, log, RAW, start, stop, TEST_MS, VALIDATED, WAIT_MS, withId } from './families';
import { header } from './log';
import { type RunningValidator } from './running-validator';

const PARTITION = 3;
const STATE = stateTopic('orders');

/** What compaction leaves of a partition of the state: the last value of each key. */
async function compacted(partition = PARTITION): Promise<ReadonlyMap<string, string | null>> {
  const view = new Map<string, string | null>();
  const { records } = await readCommitted(log.kafka, { topic: STATE, partition });
  for (const { key, value } of records) view.set(String(key), value === null ? null : value.toString());
  return view;
}
const living = async (): Promise<string> =>
  JSON.stringify([...(await compacted())].filter(([, value]) => value !== null));

async function forget(validator: RunningValidator, customerId: string): Promise<ForgottenDto> {
  const { status, body } = await validator.postJson('/admin/forget-customer', { customer: customerHash(customerId) });
  expect(status).toBe(200);
  return body as ForgottenDto;
}
const removedFrom = ({ partitions }: ForgottenDto): unknown[] => partitions.filter(({ removed }) => removed > 0);

const flagsOf = async (body: Body): Promise<string | undefined> =>
  header(await arrival(VALIDATED, body), 'quality-flags');

/** The tests of the erasure of a customer from the state. */
export function forgetCustomer(): void {
  let placedAt = Date.now() - 3_600_000;
  const orderOf = (shop: ReturnType<typeof newShop>, customer: string, fields: Body = {}): Body =>
    orderPlaced(shop, customer, { order_placed_at: new Date(placedAt++).toISOString(), ...fields });
  /** Another registration than the first one. */
  const drifted = { customer_registered_at: '2025-03-03T00:00:00.000Z' };

  it(
    'leaves nothing of the customer, and everything of the others, also after a restart',
    async () => {
      const shop = newShop();
      const [erased, other] = [customerIn(PARTITION), customerIn(PARTITION)];
      const orders = [orderOf(shop, erased), orderOf(shop, other)];
      await log.send(rawRecord(vendorOnboarded(shop)), rawRecord(productListed(shop)));
      await log.send(...orders.map((body) => rawRecord(body)));
      const first = await start();
      for (const body of orders) await arrival(VALIDATED, body);
      const before = await living();
      expect([before.includes(erased), before.includes(other)]).toEqual([true, true]);

      const forgotten = await forget(first, erased);
      expect(removedFrom(forgotten)).toEqual([{ partition: PARTITION, removed: 1 }]);
      expect(forgotten).toMatchObject({ topic: STATE, failed: [], elsewhere: [] });
      expect(forgotten.partitions).toHaveLength(PARTITIONS);
      const after = await living();
      expect([after.includes(erased), after.includes(other)]).toEqual([false, true]);
      expect((await compacted()).get(`registration/${erased}`)).toBeNull();

      // A repetition changes nothing.
      const written = (await readCommitted(log.kafka, { topic: STATE, partition: PARTITION })).records.length;
      expect(removedFrom(await forget(first, erased))).toEqual([]);
      expect((await readCommitted(log.kafka, { topic: STATE, partition: PARTITION })).records).toHaveLength(written);

      const known = orderOf(shop, other, drifted);
      await log.send(rawRecord(known));
      expect(await flagsOf(known)).toBe('drift.customer');
      expect(String((await arrival(VALIDATED, known)).value)).toContain('"2025-01-01T00:00:00.000Z"');
      await stop(first);

      const second = await start();
      await second.ready();
      const again = orderOf(shop, other, drifted);
      await log.send(rawRecord(again));
      expect(String((await arrival(VALIDATED, again)).value)).toContain('"2025-01-01T00:00:00.000Z"');
      expect((await living()).includes(erased)).toBe(false);
      // The erased customer is a new one whose first registration cannot be proven: flagged, not repaired.
      const late = orderOf(shop, erased, drifted);
      const later = orderOf(shop, erased);
      await log.send(rawRecord(late), rawRecord(later));
      await arrival(VALIDATED, later);
      expect(String((await arrival(VALIDATED, later)).value)).toContain('"2025-01-01T00:00:00.000Z"');
      expect(removedFrom(await forget(second, erased))).toEqual([{ partition: PARTITION, removed: 1 }]);
      await stop(second);
    },
    TEST_MS,
  );

  it(
    'validates each record once while customers are erased, and each instance answers for its partitions',
    async () => {
      const shop = newShop();
      const customer = customerIn(PARTITION);
      await log.send(rawRecord(vendorOnboarded(shop)), rawRecord(productListed(shop)));
      const [first, second] = [
        await start({ VALIDATOR_MAX_BATCH_RECORDS: '10' }),
        await start({ VALIDATOR_MAX_BATCH_RECORDS: '10' }),
      ];
      const both = [first, second];
      await waitUntil(
        async () => {
          const statuses = await Promise.all(both.map((one) => one.status()));
          const owned = statuses.map(({ partitions }) => partitions.filter(({ topic }) => topic === RAW));
          // Before the second one has joined, the first one has all of them.
          const isShared = owned.every(({ length }) => length === PARTITIONS / 2);
          return isShared && owned.flat().every(({ state, lag }) => state === 'running' && lag === 0);
        },
        { what: 'the partitions to be shared, and the records of earlier tests evaluated', deadlineMs: WAIT_MS },
      );
      const orders = Array.from({ length: 400 }, () => orderOf(shop, customer));
      let removed = 0;
      const isDone = log
        .send(...orders.map((body) => rawRecord(body)))
        .then(() => arrival(VALIDATED, orders[399] ?? {}));
      const progress = { hasEnded: false };
      void isDone.finally(() => (progress.hasEnded = true)).catch(() => undefined);
      do {
        const answers = await Promise.all(both.map((one) => forget(one, customer)));
        const open = answers.flatMap(({ partitions }) => partitions.map(({ partition }) => partition));
        expect(open.toSorted()).toEqual([0, 1, 2, 3, 4, 5]);
        expect(answers.flatMap(({ elsewhere }) => elsewhere).toSorted()).toEqual([0, 1, 2, 3, 4, 5]);
        for (const { partitions } of answers) for (const one of partitions) removed += one.removed;
      } while (!progress.hasEnded);
      await isDone;
      // It was there again after each of them, so that they were between batches.
      expect(removed).toBeGreaterThan(1);
      const validated = await log.readPartition(VALIDATED, PARTITION);
      expect(orders.map((body) => withId(validated, body).length)).toEqual(Array(400).fill(1));
      const ids = new Set(orders.map(({ event_id }) => event_id));
      const inOrder = validated.map((record) => header(record, 'ce_id')).filter((id) => ids.has(id));
      expect(inOrder).toEqual(orders.map(({ event_id }) => event_id));
      await Promise.all(both.map((one) => forget(one, customer)));
      expect((await living()).includes(customer)).toBe(false);
      for (const one of both) {
        const accounts = await one.accounting('orders');
        const outcomes =
          accounts.accepted + accounts.repaired + accounts.skipped + accounts.deadLettered + accounts.passedOver;
        expect(outcomes).toBe(accounts.input);
      }
      const invalid = await first.postJson('/admin/forget-customer', { customer });
      expect(invalid.status).toBe(400);
      await Promise.all(both.map(stop));
    },
    TEST_MS,
  );
}
