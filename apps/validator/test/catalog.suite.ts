import { randomUUID } from 'node:crypto';
import { CATALOG_VERSIONS_TOPIC, rawTopic, validatedTopic } from '@orderstream/contracts';
import { waitUntil } from '@orderstream/deadlines';
import { partitionFor } from '@orderstream/kafka';
import { type CatalogVersions, DEFAULT_CATALOG_LIMITS } from '@orderstream/quality';
import { readVersions } from '../src/partitions/restore-state';
import { rebuildCommand } from '../src/rebuild/rebuild-command';
import { type Body, customerIn, newShop, orderPlaced, productListed, rawRecord, vendorOnboarded } from './events';
import { arrival, DEAD, log, RAW, start, stop, TEST_MS, VALIDATED, WAIT_MS, withId } from './families';
import { BROKERS, header } from './log';
import { ValidatorRuns } from './validator-runs';

/** The tests of the catalog after its topic was deleted, and after the log of its events has expired. */
export function catalog(): void {
  const env = { KAFKA_BROKERS: BROKERS };
  const runs = new ValidatorRuns(log, 'catalog');
  afterEach(() => runs.stop(), TEST_MS);

  it(
    'is not cut by a set-position that is killed before its commit, and the next validator finds nothing half done',
    async () => {
      const vendor = vendorOnboarded(newShop());
      const partition = partitionFor(String(vendor.vendor_id));
      const committed = (): Promise<number | undefined> =>
        log.committedOffset('validator-catalog', rawTopic('catalog'), partition);
      const versions = async (): Promise<CatalogVersions> =>
        (await readVersions(log.kafka, partition, DEFAULT_CATALOG_LIMITS)).versions;
      await log.send(rawRecord(vendor));
      const before = { offset: await committed(), position: (await versions()).position };
      const killed = runs.suspendAt('evaluated');
      const zombie = runs.setPosition(partition, 'end', killed.faults).catch((error: unknown) => error);
      await killed.suspended;
      expect({ offset: await committed(), position: (await versions()).position }).toEqual(before);

      const next = await start({ VALIDATOR_FAMILIES: 'catalog' });
      await arrival(validatedTopic('catalog'), vendor);
      await stop(next);
      killed.resume();
      expect(await zombie).toMatchObject({ code: 'TRANSACTION_FAILED' });
      const { catalog, position } = await versions();
      expect([catalog.vendor(String(vendor.vendor_id))?.entries.length, position?.isCut]).toEqual([1, false]);
      expect(position?.rawOffset).toBe(await committed());
    },
    TEST_MS,
  );

  it(
    'is rebuilt from the log after its topic was deleted, and no order is rejected meanwhile',
    async () => {
      const shop = newShop();
      await log.send(rawRecord(vendorOnboarded(shop)), rawRecord(productListed(shop)));
      const before = orderPlaced(shop, customerIn(1));
      await log.send(rawRecord(before));
      const first = await start();
      await arrival(VALIDATED, before);
      await stop(first);
      await log.deleteTopic(CATALOG_VERSIONS_TOPIC);

      const second = await start();
      const order = orderPlaced(shop, customerIn(1));
      await log.send(rawRecord(order));
      const { partitions } = await waitUntil(
        async () => {
          const status = await second.status();
          const catalog = status.partitions.filter(({ topic }) => topic === rawTopic('catalog'));
          const orders = status.partitions.filter(({ topic }) => topic === RAW);
          const isSeen =
            catalog.length === 6 &&
            catalog.every(({ state }) => state === 'stopped' || state === 'running') &&
            orders.length === 6 &&
            orders.every(({ state }) => state === 'retrying');
          return isSeen && status;
        },
        { what: 'the catalog to stop and the orders to wait', deadlineMs: WAIT_MS },
      );
      const stopped = partitions.filter(({ state }) => state === 'stopped');
      expect(stopped.length).toBeGreaterThan(0);
      for (const { topic, partition, error } of partitions) {
        if (topic === RAW) expect(error).toMatch(/rebuild-state -- --family catalog/);
        else if (
          topic === rawTopic('catalog') &&
          stopped.some((one) => one.topic === topic && one.partition === partition)
        )
          expect(error).toContain(`rebuild-state -- --family catalog --partition ${String(partition)}`);
      }
      for (const { partition } of stopped) {
        expect(await rebuildCommand(['--family', 'catalog', '--partition', String(partition)], env)).toBe(0);
      }
      expect(await second.post('/admin/resume')).toBeLessThan(300);
      await second.ready();
      await arrival(VALIDATED, order);
      expect(withId(await log.read(DEAD), order)).toEqual([]);
      // Nothing of the log was missing, so an unknown product is proven to be unknown.
      const stranger = orderPlaced({ ...shop, item_sku: randomUUID() }, customerIn(1));
      await log.send(rawRecord(stranger));
      expect(header(await arrival(DEAD, stranger), 'dlq-reason')).toBe('reference.unknown_product');
      await stop(second);
    },
    TEST_MS,
  );

  it(
    'is known after a restart though the log of its events has expired: of each order, the version of its time',
    async () => {
      const shop = newShop();
      const DAY_MS = 86_400_000;
      const daysAgo = (days: number): string => new Date(Date.now() - days * DAY_MS).toISOString();
      const renamed: Body = {
        ...productListed(shop),
        event_type: 'product.updated',
        occurred_at: daysAgo(20),
        item_name: 'Floor lamp',
      };
      const announced: Body[] = [
        { ...vendorOnboarded(shop), occurred_at: daysAgo(60) },
        { ...productListed(shop), occurred_at: daysAgo(60) },
        renamed,
      ];
      await log.send(...announced.map((body) => rawRecord(body)));
      const first = await start();
      for (const body of announced) await arrival(validatedTopic('catalog'), body);
      await stop(first);
      await log.expire(validatedTopic('catalog'));
      await log.expire(rawTopic('catalog'));

      const second = await start();
      const before = orderPlaced(shop, customerIn(4), { occurred_at: daysAgo(30), order_placed_at: daysAgo(30) });
      const after = orderPlaced(shop, customerIn(4), { item_name: 'Floor lamp' });
      await log.send(rawRecord(before), rawRecord(after));
      await arrival(VALIDATED, after);
      // time.too_late by its age alone: its name is the one of its time.
      expect(header(await arrival(VALIDATED, before), 'quality-flags')).toBe('time.too_late');
      expect(header(await arrival(VALIDATED, after), 'quality-flags')).toBeUndefined();
      await stop(second);
    },
    TEST_MS,
  );
}
