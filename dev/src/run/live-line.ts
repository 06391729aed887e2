import { setTimeout as delay } from 'node:timers/promises';
import { FAMILIES, FAMILY_TABLES, PARTITIONS } from '@orderstream/contracts';
import { hasOpened, type TableReader } from '@orderstream/ledger';
import { type PartStatus } from '../stack/part';
import { type ServiceClient } from '../stack/service-client';
import {
  type ConsumerStatus,
  consumerStatus,
  generatorStatus,
  stoppedPartitions,
  totalLag,
  totalOf,
  type ValidatorStatus,
  validatorStatus,
} from '../stack/service-status';
import { type ServiceName } from '../stack/services';

const STREAM_TABLES = Object.values(FAMILY_TABLES);
const STREAMING_ORDERS = 'streaming_orders';
/** What has not answered by then is left out: one that hangs must not stop the line. */
const ANSWER_WITHIN_MS = 3_000;

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
  /** Partitions that wait for an operator, with the service that stopped them. */
  readonly stopped: readonly string[];
}

/** Asks every service and the warehouse, each for itself: one that is down leaves its own counts out. */
export async function readLiveCounts(
  clients: Readonly<Record<ServiceName, Pick<ServiceClient, 'status'>>>,
  tables: Pick<TableReader, 'counts'>,
  answerWithinMs = ANSWER_WITHIN_MS,
): Promise<LiveCounts> {
  const orUndefined = <T>(ask: () => Promise<T>): Promise<T | undefined> =>
    Promise.race([ask().catch(() => undefined), delay(answerWithinMs, undefined, { ref: false })]);
  const [generator, evaluated, sink, bridge, rows] = await Promise.all([
    orUndefined(async () => generatorStatus.parse(await clients['order-generator'].status())),
    orUndefined(async () => validatorStatus.parse(await clients.validator.status())),
    orUndefined(async () => consumerStatus.parse(await clients['bq-sink'].status())),
    orUndefined(async () => consumerStatus.parse(await clients['pubsub-bridge'].status())),
    orUndefined(() => tables.counts([...STREAM_TABLES, STREAMING_ORDERS])),
  ]);
  // While it restores, the validator has the accounts of some partitions only.
  const validator =
    evaluated !== undefined && hasOpened(evaluated, FAMILIES.length * PARTITIONS) ? evaluated : undefined;
  const counted = (counter: Parameters<typeof totalOf>[1], status: ValidatorStatus | undefined) =>
    status === undefined ? undefined : totalOf(status, counter);
  const stoppedBy = (name: string, status: ConsumerStatus | undefined) =>
    status === undefined ? [] : stoppedPartitions(status).map((partition) => `${name} ${partition}`);
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
    stopped: [
      ...stoppedBy('validator', evaluated),
      ...stoppedBy('bq-sink', sink),
      ...stoppedBy('pubsub-bridge', bridge),
    ],
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
  if (down.length > 0) fields.push(`DOWN: ${down.join(', ')}`);
  if (counts.stopped.length > 0) fields.push(`STOPPED: ${counts.stopped.join(', ')}`);
  return fields.join('  ');
}

function clock(seconds: number): string {
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  const hours = Math.floor(seconds / 3600);
  return `${hours > 0 ? `${two(hours)}:` : ''}${two((seconds / 60) % 60)}:${two(seconds % 60)}`;
}
