import { AUDIT_TOPIC } from '@orderstream/contracts';
import { waitUntil } from '@orderstream/deadlines';
import { type AuditEntry, BEGUN } from '@orderstream/service';
import { rebuildCommand } from '../src/rebuild/rebuild-command';
import {
  customerIn,
  newShop,
  orderPaid,
  orderPlaced,
  orderShipped,
  productListed,
  rawRecord,
  vendorOnboarded,
} from './events';
import { arrival, log, RAW, start, stop, TEST_MS, VALIDATED, WAIT_MS, withId } from './families';
import { BROKERS, unreadable } from './log';

/** The tests of a partition whose state cannot be read. */
export function unreadableState(): void {
  it(
    'stops without stopping others, and runs again once its state is rebuilt',
    async () => {
      const partition = 3;
      const shop = newShop();
      const order = orderPlaced(shop, customerIn(partition));
      const paid = orderPaid(order);
      await log.send(rawRecord(vendorOnboarded(shop)), rawRecord(productListed(shop)));
      await log.send(...[order, paid].map((body) => rawRecord(body)));
      const first = await start();
      await arrival(VALIDATED, paid);
      await stop(first);

      await log.send(unreadable('orders', partition, `lifecycle/${String(order.order_id)}`));
      const second = await start();
      const stopped = await waitUntil(
        async () => {
          const { partitions } = await second.status();
          const settled = partitions.length === 18 && partitions.every(({ state }) => state !== 'opening');
          return settled && partitions.filter(({ state }) => state !== 'running');
        },
        { what: 'every partition to be opened', deadlineMs: WAIT_MS },
      );
      expect(stopped).toMatchObject([{ topic: RAW, partition, state: 'stopped' }]);
      expect(stopped[0]?.error).toMatch(/its version is 99.*rebuild the state/s);
      expect((await second.get('/health/ready')).status).toBe(503);
      expect((await second.get('/metrics')).text).toMatch(/orderstream_partitions_stopped\{.*orders.*\} 1/);
      const elsewhere = orderPlaced(shop, customerIn(2));
      await log.send(rawRecord(elsewhere));
      await arrival(VALIDATED, elsewhere);

      const env = { KAFKA_BROKERS: BROKERS };
      expect(await rebuildCommand(['--family', 'orders', '--partition', 'six'], env)).toBe(2);
      const args = [
        '--family',
        'orders',
        '--partition',
        String(partition),
        '--actor',
        `ann-${String(order.order_id)}`.slice(0, 40),
      ];
      expect(await rebuildCommand(args, env)).toBe(0);
      const audited = (await log.readPartition(AUDIT_TOPIC, 0))
        .map(({ value }) => String(value))
        // Other tests write what is no entry.
        .filter((text) => text.includes(args.at(-1) ?? ''))
        .map((text) => JSON.parse(text) as AuditEntry);
      const entry = { action: 'rebuild-state', subject: 'orders/3', role: 'shell', service: 'validator' };
      expect(audited).toMatchObject([
        { ...entry, status: BEGUN },
        { ...entry, status: 200 },
      ]);
      expect(audited[0]?.requestId).toBe(audited[1]?.requestId);
      expect(await second.post('/admin/resume')).toBeLessThan(300);
      await second.ready();
      const metrics = (await second.get('/metrics')).text;
      expect(metrics).toMatch(/orderstream_restore_seconds_count\{.*family="orders".*\} 6/);
      expect(metrics).toMatch(/orderstream_restore_records_total\{.*family="orders".*\} [1-9]/);
      expect(metrics).toMatch(
        /orderstream_effective_window_seconds\{.*family="orders",kind="lifecycles",partition="3".*\} \d/,
      );
      const shipped = orderShipped(order);
      await log.send(...[paid, shipped].map((body) => rawRecord(body)));
      await arrival(VALIDATED, shipped);
      expect(withId(await log.read(VALIDATED), paid)).toHaveLength(1);
      await stop(second);
    },
    TEST_MS,
  );
}
