import { setTimeout as delay } from 'node:timers/promises';
import { FAMILIES, FAMILY_TABLES, PARTITIONS } from '@orderstream/contracts';
import { hasOpened, type TableReader } from '@orderstream/ledger';
import { type WarehouseState } from '../dbt/warehouse-refresh';
import { type ComponentStatus } from '../stack/component';
import { type ServiceClient } from '../stack/service-client';
import {
  type ConsumerStatus,
  consumerStatus,
  type FamilyCounters,
  generatorStatus,
  partitionsIn,
  sinkStatus,
  totalLag,
  totalOf,
  validatorStatus,
} from '../stack/service-status';
import { type BESIDE, type ServiceName } from '../stack/services';

const STREAM_TABLES = Object.values(FAMILY_TABLES);
const STREAMING_ORDERS = 'streaming_orders';
/** Counts of a service that does not answer in time are left out, so that the line goes on. */
const ANSWER_TIMEOUT_MS = 3_000;

/** Current counts over all runs. A count that is not available is undefined. */
export interface LiveCounts {
  readonly generated: number | undefined;
  readonly eventsPerSecond: number | undefined;
  /** Without the repaired records. */
  readonly accepted: number | undefined;
  readonly repaired: number | undefined;
  readonly deadLettered: number | undefined;
  readonly skipped: number | undefined;
  readonly inBigQuery: number | undefined;
  readonly inStreamingOrders: number | undefined;
  /** Sum of the consumer lags of validator, sink and bridge, in records. */
  readonly lag: number | undefined;
  /** Partitions that are stopped until an operator resumes them, each with its service. */
  readonly stopped: readonly string[];
  /** Partitions that failed and are opened again after a backoff, each with its service. */
  readonly retrying: readonly string[];
}

/**
 * Reads the counts of all services and of BigQuery in parallel. A service that is down leaves out only its own counts.
 */
export async function readLiveCounts(
  clients: Readonly<Record<Exclude<ServiceName, (typeof BESIDE)[number]>, Pick<ServiceClient, 'status'>>>,
  tables: Pick<TableReader, 'counts'>,
  timeoutMs = ANSWER_TIMEOUT_MS,
): Promise<LiveCounts> {
  const orUndefined = <T>(read: () => Promise<T>): Promise<T | undefined> =>
    Promise.race([read().catch(() => undefined), delay(timeoutMs, undefined, { ref: false })]);
  const [generator, anyValidator, sink, bridge, rows] = await Promise.all([
    orUndefined(async () => generatorStatus.parse(await clients['order-generator'].status())),
    orUndefined(async () => validatorStatus.parse(await clients.validator.status())),
    orUndefined(async () => sinkStatus.parse(await clients['bq-sink'].status())),
    orUndefined(async () => consumerStatus.parse(await clients['pubsub-bridge'].status())),
    orUndefined(() => tables.counts([...STREAM_TABLES, STREAMING_ORDERS])),
  ]);
  // While it restores, the validator has the counters of only some partitions.
  const validator =
    anyValidator !== undefined && hasOpened(anyValidator, FAMILIES.length * PARTITIONS) ? anyValidator : undefined;
  const total = (counter: keyof FamilyCounters) => (validator === undefined ? undefined : totalOf(validator, counter));
  const consumers: readonly (readonly [service: ServiceName, status: ConsumerStatus | undefined])[] = [
    ['validator', anyValidator],
    ['bq-sink', sink],
    ['bq-sink', sink?.deadLetters],
    ['pubsub-bridge', bridge],
  ];
  const namesIn = (state: string): string[] =>
    consumers.flatMap(([service, status]) =>
      status === undefined ? [] : partitionsIn(state, status).map((partition) => `${service} ${partition}`),
    );
  return {
    generated: generator?.nextSeq,
    eventsPerSecond: generator?.rate.achieved,
    accepted: total('accepted'),
    repaired: total('repaired'),
    deadLettered: total('deadLettered'),
    skipped: total('skipped'),
    inBigQuery: rows === undefined ? undefined : STREAM_TABLES.reduce((sum, table) => sum + (rows[table] ?? 0), 0),
    inStreamingOrders: rows?.[STREAMING_ORDERS],
    lag:
      validator === undefined || sink === undefined || bridge === undefined
        ? undefined
        : totalLag(validator) + totalLag(sink) + totalLag(bridge),
    stopped: namesIn('stopped'),
    retrying: namesIn('retrying'),
  };
}

/**
 * `00:42  generated 2,100 (50/s)  accepted 2,030  repaired 21  …`, then the components that have not been
 * ready yet, and the components and partitions that do not run.
 */
export function formatLiveLine(
  elapsedSeconds: number,
  counts: LiveCounts,
  components: readonly ComponentStatus[],
  warehouse: WarehouseState = { kind: 'not built' },
): string {
  const number = (value: number | undefined): string =>
    value === undefined ? '?' : Math.round(value).toLocaleString('en-US');
  const fields = [
    clock(elapsedSeconds),
    `generated ${number(counts.generated)} (${number(counts.eventsPerSecond)}/s)`,
    `accepted ${number(counts.accepted)}`,
    `repaired ${number(counts.repaired)}`,
    `dead-lettered ${number(counts.deadLettered)}`,
    `skipped ${number(counts.skipped)}`,
    `BigQuery ${number(counts.inBigQuery)}`,
    `streaming_orders (orders only) ${number(counts.inStreamingOrders)}`,
    `lag ${number(counts.lag)}`,
  ];
  const starting = components.filter(({ state }) => state === 'starting').map(({ name }) => name);
  if (starting.length > 0) fields.push(`starting: ${starting.join(', ')}`);
  const starSchema = describeWarehouse(warehouse);
  if (starSchema !== undefined) fields.push(`star schema ${starSchema}`);
  const down = components
    .filter(({ state }) => state !== 'running' && state !== 'starting')
    .map(({ name, state, restarts }) => `${name} ${state}${restarts > 0 ? ` (${String(restarts)})` : ''}`);
  if (down.length > 0) fields.push(`DOWN: ${down.join(', ')}`);
  if (counts.stopped.length > 0) fields.push(`STOPPED: ${counts.stopped.join(', ')}`);
  if (counts.retrying.length > 0) fields.push(`RETRYING: ${counts.retrying.join(', ')}`);
  return fields.join('  ');
}

function describeWarehouse(state: WarehouseState): string | undefined {
  switch (state.kind) {
    case 'not built':
      return undefined;
    case 'building':
      return 'is being built';
    case 'built':
      return `of ${timeOf(state.asOf)}`;
    case 'failed':
      return state.asOf === undefined ? 'FAILED' : `of ${timeOf(state.asOf)}, FAILED since`;
  }
}

/** `10:42:07Z` */
const timeOf = (time: Date): string => `${time.toISOString().slice(11, 19)}Z`;

function clock(seconds: number): string {
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  const hours = Math.floor(seconds / 3600);
  return `${hours > 0 ? `${two(hours)}:` : ''}${two((seconds / 60) % 60)}:${two(seconds % 60)}`;
}
