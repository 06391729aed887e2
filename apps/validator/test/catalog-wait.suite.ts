import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { rawTopic, validatedTopic } from '@orderstream/contracts';
import { partitionFor } from '@orderstream/kafka';
import { type Body, customerIn, newShop, orderPlaced, productListed, rawRecord, vendorOnboarded } from './events';
import { arrival, DEAD, log, start, stop, TEST_MS, VALIDATED, WAIT_MS, withId } from './families';
import { header } from './log';
import { ValidatorRuns } from './validator-runs';

/** The tests of an order whose vendor and product the catalog does not know yet. */
export function catalogWait(): void {
  const runs = new ValidatorRuns(log, 'orders');
  afterEach(() => runs.stop(), TEST_MS);

  it(
    'waits, does not hold its partition when the catalog makes no progress, and is accepted by a new owner once known',
    async () => {
      const partition = 5;
      const known = newShop();
      const late = newShop();
      const catalog = [vendorOnboarded(known), productListed(known)];
      await log.send(...catalog.map((body) => rawRecord(body)));
      const early = await start({ VALIDATOR_FAMILIES: 'catalog' });
      for (const body of catalog) await arrival(validatedTopic('catalog'), body);
      const settled = runs.catalog(WAIT_MS);
      const before = runs.validator(partition, { catalog: settled });
      await runs.runToEnd(before, partition);
      await before.close();
      await settled.stop();
      await stop(early);

      // Without a validator of the catalog the shop stays unknown.
      await log.send(rawRecord(vendorOnboarded(late)), rawRecord(productListed(late)));
      const ids = async (): Promise<unknown[]> =>
        (await log.readPartition(VALIDATED, partition)).map((one) => header(one, 'ce_id'));
      const send = (...bodies: Body[]): Promise<void> => log.send(...bodies.map((body) => rawRecord(body)));
      const soon = orderPlaced(known, customerIn(partition));
      const unknown = orderPlaced(late, customerIn(partition));
      const contradicted = orderPlaced(known, customerIn(partition), { item_name: 'Lava lamp' });
      const predecessor = orderPlaced(known, customerIn(partition));
      await send(soon, unknown, contradicted, predecessor);
      const briefCatalog = runs.catalog(300);
      const first = runs.validator(partition, { catalog: briefCatalog });
      expect(await runs.runToEnd(first, partition, 1)).toEqual([{ kind: 'ack' }]);
      await first.close();
      await briefCatalog.stop();
      expect((await ids()).slice(-3)).toEqual([soon, contradicted, predecessor].map(({ event_id }) => event_id));
      const letter = await arrival(DEAD, unknown);
      expect(JSON.parse(header(letter, 'dlq-detail') ?? '')).toContainEqual({
        code: 'reference.unknown_vendor',
        path: 'vendor_id',
        constraint: expect.stringMatching(/^catalogBehind: /) as string,
      });
      const flagged = await arrival(VALIDATED, contradicted);
      expect(header(flagged, 'quality-flags')).toBe('drift.product');
      expect(JSON.parse(String(flagged.value))).toEqual(contradicted);

      // The replay of the dead letter is evaluated by what is known then.
      const order = unknown;
      const successor = orderPlaced(known, customerIn(partition));
      await send(order, successor);
      const suspendedCatalog = runs.catalog(WAIT_MS);
      const suspension = runs.suspendAt('waiting');
      const suspended = runs.validator(partition, { catalog: suspendedCatalog, faults: suspension.faults });
      const zombie = runs.runToEnd(suspended, partition);
      await suspension.suspended;

      const longCatalog = runs.catalog(WAIT_MS);
      const waiting = Promise.withResolvers<undefined>();
      const next = runs.validator(partition, {
        catalog: longCatalog,
        faults: {
          reached: (point) => {
            if (point === 'waiting') waiting.resolve(undefined);
          },
        },
      });
      let isDone = false;
      const done = runs.runToEnd(next, partition).finally(() => (isDone = true));
      await waiting.promise;
      expect(isDone).toBe(false);
      const catalogValidator = await start({ VALIDATOR_FAMILIES: 'catalog' });
      expect(await done).toEqual([{ kind: 'ack' }]);
      expect((await ids()).slice(-3)).toEqual([predecessor, order, successor].map(({ event_id }) => event_id));
      expect(withId(await log.read(DEAD), order)).toHaveLength(1);
      // It was evaluated by a catalog that holds both events of its shop.
      const evaluatedBy = JSON.parse(
        header(await arrival(VALIDATED, order), 'quality-catalog-position') ?? '[]',
      ) as number[];
      const announced = (await log.read(rawTopic('catalog'))).filter(
        ({ key }) => key?.toString() === late.vendor_id || key?.toString() === late.item_sku,
      );
      expect(announced).toHaveLength(2);
      for (const one of announced) expect(evaluatedBy[one.partition]).toBeGreaterThan(one.offset);

      await next.close();
      suspension.resume();
      await zombie;
      await suspended.close();
      expect((await ids()).slice(-3)).toEqual([predecessor, order, successor].map(({ event_id }) => event_id));
      await Promise.all([suspendedCatalog.stop(), longCatalog.stop()]);
      await stop(catalogValidator);
    },
    TEST_MS,
  );

  it(
    'waits for what stands behind an open transaction in the raw catalog',
    async () => {
      const partition = 5;
      const shop = newShop();
      const topic = rawTopic('catalog');
      const producer = log.kafka.producer({ transactionalId: `open-${randomUUID()}`, maxInFlightRequests: 1 });
      await producer.connect();
      const transaction = await producer.transaction();
      await transaction.send({ topic, messages: [{ value: 'aborted', partition: partitionFor(shop.vendor_id) }] });
      const catalogValidator = await start({ VALIDATOR_FAMILIES: 'catalog' });
      await log.send(rawRecord(vendorOnboarded(shop)), rawRecord(productListed(shop)));
      await log.send(rawRecord(orderPlaced(shop, customerIn(partition))));

      const catalog = runs.catalog(WAIT_MS);
      const waiting = Promise.withResolvers<undefined>();
      const validator = runs.validator(partition, {
        catalog,
        faults: {
          reached: (point) => {
            if (point === 'waiting') waiting.resolve(undefined);
          },
        },
      });
      let isDone = false;
      const done = runs.runToEnd(validator, partition).finally(() => (isDone = true));
      await waiting.promise;
      // Long enough for a wait that ends too early.
      await delay(500);
      expect(isDone).toBe(false);
      await transaction.abort();
      await done;
      const [last] = (await log.readPartition(VALIDATED, partition)).slice(-1);
      expect(JSON.parse(String(last?.value))).toMatchObject({ vendor_id: shop.vendor_id });
      await validator.close();
      await catalog.stop();
      await producer.disconnect();
      await stop(catalogValidator);
    },
    TEST_MS,
  );
}
