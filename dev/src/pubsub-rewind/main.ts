import { createBigQuery } from '@orderstream/bigquery';
import { ConfigError, loadSettings } from '@orderstream/config';
import { validatedTopic } from '@orderstream/contracts';
import { createKafka } from '@orderstream/kafka';
import { EXIT } from '../errors';
import { BridgeDelivery } from '../stack/bridge-delivery';
import { pubsubRewindSettings } from './pubsub-rewind.config';

/**
 * Google's Pub/Sub emulator loses what it has not delivered when it restarts. This program compares what the bridge has
 * committed with `streaming_orders`, and rewinds the stopped bridge to the first order of each partition that is missing.
 */
async function rewind(): Promise<void> {
  const { kafka, bigquery } = loadSettings(pubsubRewindSettings);
  const delivery = new BridgeDelivery({
    kafka: createKafka(kafka),
    bigquery: createBigQuery(bigquery),
    topic: validatedTopic('orders'),
    table: `${bigquery.dataset}.streaming_orders`,
  });
  const { committed, beginnings } = await delivery.offsets();
  const ranges = committed.flatMap((until, partition) =>
    until === undefined ? [] : [{ partition, from: beginnings[partition] ?? 0, until }],
  );
  const { signal } = new AbortController();
  const { records, first } = await delivery.findUndelivered(ranges, new Date(0), signal);
  if (records > 0) await delivery.rewind(first, signal);
  process.stdout.write(
    records === 0
      ? `Every order that the bridge has published is in ${delivery.table}.\n`
      : `${String(records)} orders that the bridge has published are not in ${delivery.table}. It publishes them again when it starts.\n`,
  );
}

rewind().then(
  () => process.exit(EXIT.ok),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(error instanceof ConfigError ? EXIT.usage : EXIT.notAccountedFor);
  },
);
