import { setTimeout as delay } from 'node:timers/promises';

import { waitUntil } from '@orderstream/deadlines';
import { partitionName } from '@orderstream/kafka';
import { type TableReader } from '@orderstream/ledger';

import { type Recovering } from '../faults/fault';
import { type Consumer } from '../stack/fault-stack';
import { COMMIT_POLL_INTERVAL_MS, type CommittedOffsets, lagOf } from './committed-offsets';

const GROWTH_POLL_INTERVAL_MS = 300;
/** Records that were in flight at the end of the fault arrive within this time. They show no recovery. */
const IN_FLIGHT_MS = 200;
const DELIVERED_TABLE = 'streaming_orders';

/** How a service recovered. Seconds count from the end of the fault: the kill, or the moment when everything works again. */
export interface Recovery {
  readonly name: string;
  /** Until the committed offset of every partition with a lag had moved. */
  readonly movedSeconds: number;
  /** Until everything in the input at the end of the fault was committed. Undefined: the service commits no offsets. */
  readonly caughtUpSeconds: number | undefined;
  /** The lag in records at the end of the fault. */
  readonly backlog: number | undefined;
}

/** Waits until a service has recovered from a fault, and measures how long it takes. */
export class Recoveries {
  constructor(
    private readonly offsets: CommittedOffsets,
    private readonly tables: TableReader,
  ) {}

  /**
   * @param since performance.now() of the fault's end
   * @throws DeadlineError
   */
  of(service: Recovering, since: number, deadlineMs: number): Promise<Recovery> {
    switch (service) {
      case 'order-generator':
        return growth(service, () => this.offsets.produced(), since, deadlineMs);
      case 'subscription-emulator':
        return growth(service, () => this.delivered(), since, deadlineMs);
      default:
        return consumerRecovery(this.offsets, service, since, deadlineMs);
    }
  }

  private async delivered(): Promise<number> {
    return (await this.tables.counts([DELIVERED_TABLE]))[DELIVERED_TABLE] ?? 0;
  }
}

/**
 * Waits until a consumer has committed everything that its input holds now.
 *
 * @param since performance.now() of the fault's end
 * @throws DeadlineError
 */
export async function consumerRecovery(
  offsets: CommittedOffsets,
  consumer: Consumer,
  since: number,
  deadlineMs: number,
): Promise<Recovery> {
  const timing = (): { deadlineMs: number; intervalMs: number } => ({
    deadlineMs: since + deadlineMs - performance.now(),
    intervalMs: COMMIT_POLL_INTERVAL_MS,
  });
  const first = await waitUntil(() => offsets.read(consumer), { what: `the offsets of ${consumer}`, ...timing() });
  const lagging = new Set(first.filter(({ committed, end }) => end > committed));
  let movedSeconds: number | undefined;
  const caughtUpSeconds = await waitUntil(
    async () => {
      const committed = await offsets.committed(consumer);
      const at = (partition: (typeof first)[number]): number => committed.get(partitionName(partition)) ?? 0;
      for (const partition of lagging) if (at(partition) > partition.committed) lagging.delete(partition);
      if (lagging.size === 0) movedSeconds ??= secondsSince(since);
      const behind = first.filter((partition) => at(partition) < partition.end);
      if (behind.length === 0) return secondsSince(since);
      const examples = behind
        .slice(0, 4)
        .map((partition) => `${partitionName(partition)} at ${String(at(partition))} of ${String(partition.end)}`);
      throw new Error(examples.join(', '));
    },
    { what: `${consumer} to catch up`, ...timing() },
  );
  return { name: consumer, movedSeconds: movedSeconds ?? caughtUpSeconds, caughtUpSeconds, backlog: lagOf(first) };
}

/** For services without committed offsets: they have recovered when their output grows. */
async function growth(
  name: Recovering,
  count: () => Promise<number>,
  since: number,
  deadlineMs: number,
): Promise<Recovery> {
  await delay(IN_FLIGHT_MS);
  let before: number | undefined;
  const movedSeconds = await waitUntil(
    async () => {
      const now = await count();
      before ??= now;
      return now > before && secondsSince(since);
    },
    {
      what: `the output of ${name} to grow`,
      deadlineMs: since + deadlineMs - performance.now(),
      intervalMs: GROWTH_POLL_INTERVAL_MS,
    },
  );
  return { name, movedSeconds, caughtUpSeconds: undefined, backlog: undefined };
}

const secondsSince = (since: number): number => (performance.now() - since) / 1_000;
