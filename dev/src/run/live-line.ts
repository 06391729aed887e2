import { FAMILY_TABLES } from '@orderstream/contracts';
import { type TableReader } from '../accounting/read-tables';
import { type PartStatus } from '../stack/part';
import { type ServiceClient } from '../stack/service-client';
import {
  consumerStatus,
  generatorStatus,
  totalLag,
  totalOf,
  type ValidatorStatus,
  validatorStatus,
} from '../stack/service-status';
import { type ServiceName } from '../stack/services';

const STREAM_TABLES = Object.values(FAMILY_TABLES);
const STREAMING_ORDERS = 'streaming_orders';

/** The counts of one moment, over all runs. What cannot be asked just now is undefined. */
export interface LiveCounts {
  readonly generated: number | undefined;
  readonly eventsPerSecond: number | undefined;
  readonly accepted: number | undefined;
  readonly deadLettered: number | undefined;
  readonly skipped: number | undefined;
  readonly inBigQuery: number | undefined;
  readonly inStreamingOrders: number | undefined;
  /** Records that are in a log and not yet past the service that reads it, over validator, sink and bridge. */
  readonly lag: number | undefined;
}

/** Asks every service and the warehouse, each for itself: one that is down leaves its own counts out. */
export async function readLiveCounts(
  clients: Readonly<Record<ServiceName, ServiceClient>>,
  tables: TableReader,
): Promise<LiveCounts> {
  const [generator, validator, sink, bridge, rows] = await Promise.all([
    orUndefined(async () => generatorStatus.parse(await clients['order-generator'].status())),
    orUndefined(async () => validatorStatus.parse(await clients.validator.status())),
    orUndefined(async () => consumerStatus.parse(await clients['bq-sink'].status())),
    orUndefined(async () => consumerStatus.parse(await clients['pubsub-bridge'].status())),
    orUndefined(() => tables.counts([...STREAM_TABLES, STREAMING_ORDERS])),
  ]);
  const counted = (counter: Parameters<typeof totalOf>[1], status: ValidatorStatus | undefined) =>
    status === undefined ? undefined : totalOf(status, counter);
  return {
    generated: generator?.nextSeq,
    eventsPerSecond: generator?.rate.achieved,
    accepted: validator === undefined ? undefined : totalOf(validator, 'accepted') + totalOf(validator, 'repaired'),
    deadLettered: counted('deadLettered', validator),
    skipped: counted('skipped', validator),
    inBigQuery: rows === undefined ? undefined : STREAM_TABLES.reduce((sum, table) => sum + (rows[table] ?? 0), 0),
    inStreamingOrders: rows?.[STREAMING_ORDERS],
    lag:
      validator === undefined || sink === undefined || bridge === undefined
        ? undefined
        : totalLag(validator) + totalLag(sink) + totalLag(bridge),
  };
}

/** `00:42  generated 2,100 (50/s)  accepted 2,051  …`, and what is down. */
export function formatLiveLine(elapsedSeconds: number, counts: LiveCounts, parts: readonly PartStatus[]): string {
  const number = (value: number | undefined): string =>
    value === undefined ? '?' : Math.round(value).toLocaleString('en-US');
  const fields = [
    clock(elapsedSeconds),
    `generated ${number(counts.generated)} (${number(counts.eventsPerSecond)}/s)`,
    `accepted ${number(counts.accepted)}`,
    `dead-lettered ${number(counts.deadLettered)}`,
    `skipped ${number(counts.skipped)}`,
    `BigQuery ${number(counts.inBigQuery)}`,
    `streaming_orders ${number(counts.inStreamingOrders)}`,
    `lag ${number(counts.lag)}`,
  ];
  const down = parts
    .filter(({ state }) => state !== 'running')
    .map(({ name, state, restarts }) => `${name} ${state}${restarts > 0 ? ` (${String(restarts)})` : ''}`);
  return [...fields, ...(down.length === 0 ? [] : [`DOWN: ${down.join(', ')}`])].join('  ');
}

function clock(seconds: number): string {
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  const hours = Math.floor(seconds / 3600);
  return `${hours > 0 ? `${two(hours)}:` : ''}${two((seconds / 60) % 60)}:${two(seconds % 60)}`;
}

async function orUndefined<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch {
    return undefined;
  }
}
