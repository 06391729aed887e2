import { setTimeout as delay } from 'node:timers/promises';

import { FAMILIES, type Family, PARTITIONS } from '@orderstream/contracts';
import { DeadlineError, waitUntil } from '@orderstream/deadlines';
import { partitionName, type TopicPartition } from '@orderstream/kafka';
import { z } from 'zod';

import { validatorStatus } from '../../../../dev/src';
import { type FaultStack } from '../stack/fault-stack';
import { unavailableTo } from './dependencies';
import { type Fault } from './fault';

const POLL_INTERVAL_MS = 20;
const READY_DEADLINE_MS = 60_000;
/** How long the polling goes on when the service is ready: a partition may be lost again. */
const POLL_ON_MS = 3_000;
const ALL_PARTITIONS = FAMILIES.length * PARTITIONS;

const sinkStatus = z.object({
  partitions: z.array(
    z.object({ topic: z.string(), partition: z.number(), state: z.string(), sinkState: z.string().nullable() }),
  ),
});

/** States of a sink in which it does not know what of its partition is durable, or in which it has ended. */
const UNRECOVERED: ReadonlySet<string | null> = new Set([null, 'opening', 'counting', 'failed', 'closed']);

/** Says what is missing for a service to be ready, by its status. Undefined: nothing. */
type Check = (status: unknown) => string | undefined;

const missingPartitions = (partitions: readonly (TopicPartition & { state: string })[]): string | undefined => {
  if (partitions.length < ALL_PARTITIONS) return `${String(partitions.length)} of ${String(ALL_PARTITIONS)} partitions`;
  const other = partitions.find(({ state }) => state !== 'running');
  return other === undefined ? undefined : `${partitionName(other)} ${other.state}`;
};

/** The state counts the evaluated records. A lower count than before the kill means that the state is not restored yet. */
async function validatorCheck(stack: FaultStack): Promise<Check> {
  const inputs = (status: unknown): Record<Family, number> => {
    const { accounting } = validatorStatus.parse(status);
    return Object.fromEntries(FAMILIES.map((family) => [family, accounting[family].input])) as Record<Family, number>;
  };
  const before = inputs(await stack.service('validator').client().status());
  return (status) => {
    const now = inputs(status);
    const behind = FAMILIES.find((family) => now[family] < before[family]);
    if (behind !== undefined)
      return `the state of ${behind} at ${String(now[behind])} of ${String(before[behind])} records`;
    return missingPartitions(validatorStatus.parse(status).partitions);
  };
}

const sinkCheck: Check = (status) => {
  const { partitions } = sinkStatus.parse(status);
  const other = partitions.find(({ sinkState }) => UNRECOVERED.has(sinkState));
  if (other !== undefined) return `the sink of ${partitionName(other)} ${other.sinkState ?? 'missing'}`;
  return missingPartitions(partitions);
};

/** Polls readiness, and the status before and after it: what was missing in both was missing in between. */
export class ReadinessPoll {
  polls = 0;
  /** What was missing while the service reported that it was ready. */
  readonly falseReports = new Set<string>();
  private latest: Promise<string | undefined> | undefined;

  constructor(
    private readonly isReady: () => Promise<boolean | undefined>,
    /** Undefined: nothing is missing, or there was no answer. */
    private readonly whatIsMissing: () => Promise<string | undefined>,
  ) {}

  async next(): Promise<boolean> {
    const before = await this.missing();
    const isReady = (await this.isReady()) === true;
    this.latest = this.whatIsMissing();
    const after = await this.latest;
    this.polls++;
    if (isReady && before !== undefined && after !== undefined) this.falseReports.add(after);
    return isReady;
  }

  /** What was missing at the latest poll. */
  missing(): Promise<string | undefined> {
    return (this.latest ??= this.whatIsMissing());
  }
}

/** After a kill, a service must not be ready before it has recovered, and must then become ready. */
const readiness = (app: 'validator' | 'bq-sink'): Fault => ({
  name: `readiness of ${app}`,
  description: `kill -9 of ${app}, which must not be ready before all partitions have their state again`,
  claims: [app],
  recovers: [app],
  async inject({ stack, claimed }) {
    const service = stack.service(app);
    const check = app === 'validator' ? await validatorCheck(stack) : sinkCheck;
    const poll = new ReadinessPoll(
      () => service.readiness(),
      async () => {
        const status = await service
          .client()
          .status()
          .catch(() => undefined);
        return status === undefined ? undefined : check(status);
      },
    );
    await stack.instance(app).replace();
    const startedAt = performance.now();
    try {
      await waitUntil(
        async () => {
          if (await poll.next()) return true;
          throw new Error((await poll.missing()) ?? 'nothing is missing');
        },
        { what: `${app} to be ready again`, deadlineMs: READY_DEADLINE_MS, intervalMs: POLL_INTERVAL_MS },
      );
    } catch (error) {
      const unavailable = unavailableTo(app, claimed);
      if (!(error instanceof DeadlineError) || unavailable.length === 0) throw error;
      return { detail: `not ready without ${unavailable.join(' and ')}` };
    }
    const readyAt = performance.now();
    while (performance.now() - readyAt < POLL_ON_MS) {
      await delay(POLL_INTERVAL_MS);
      await poll.next();
    }
    const seconds = (readyAt - startedAt) / 1_000;
    return {
      detail: `ready after ${seconds.toFixed(1)} s, polled ${String(poll.polls)} times`,
      broken: [...poll.falseReports].slice(0, 4).map((missing) => `${app} reported that it was ready with ${missing}`),
      measures: { 'ready, s': seconds },
    };
  },
});

export const READINESS_FAULTS: readonly Fault[] = [readiness('validator'), readiness('bq-sink')];
