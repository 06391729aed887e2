import { setTimeout as delay } from 'node:timers/promises';

import { FAMILIES, type Family, PARTITIONS } from '@orderstream/contracts';
import { z } from 'zod';
import { validatorStatus } from '../../../../dev/src';
import { DeadlineError } from '@orderstream/deadlines';
import { type FaultStack } from '../stack/fault-stack';
import { takenFrom } from './dependence';
import { type Fault } from './fault';

const POLL_INTERVAL_MS = 20;
const READY_WITHIN_MS = 60_000;
/** A partition that is lost again shortly after is seen too. */
const LOOK_ON_MS = 3_000;
const ALL_PARTITIONS = FAMILIES.length * PARTITIONS;

const sinkStatus = z.object({
  partitions: z.array(
    z.object({ topic: z.string(), partition: z.number(), state: z.string(), sinkState: z.string().nullable() }),
  ),
});

/** States in which a sink does not know yet what of its partition is durable, or nothing can come of it. */
const UNRECOVERED: ReadonlySet<string | null> = new Set([null, 'opening', 'counting', 'failed', 'closed']);

/** Says what a service that calls itself ready has not got yet, by its status; undefined if nothing. */
type Check = (status: unknown) => string | undefined;

const missingPartitions = (
  partitions: readonly { topic: string; partition: number; state: string }[],
): string | undefined => {
  if (partitions.length < ALL_PARTITIONS) return `${String(partitions.length)} of ${String(ALL_PARTITIONS)} partitions`;
  const other = partitions.find(({ state }) => state !== 'running');
  return other === undefined ? undefined : `${other.topic}/${String(other.partition)} ${other.state}`;
};

/** Evaluated records are counted in the state: whoever has less than was committed before the kill has not restored it. */
async function validatorCheck(stack: FaultStack): Promise<Check> {
  const inputs = (status: unknown): Record<Family, number> => {
    const { accounting } = validatorStatus.parse(status);
    return Object.fromEntries(FAMILIES.map((family) => [family, accounting[family].input])) as Record<Family, number>;
  };
  const before = inputs(await stack.client('validator').status());
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
  if (other !== undefined)
    return `the sink of ${other.topic}/${String(other.partition)} ${other.sinkState ?? 'missing'}`;
  return missingPartitions(partitions);
};

/**
 * A service that was killed must not call itself ready before it has everything back, and then it must. Its status is
 * asked before and after its readiness: only what is not whole in both was not whole in between.
 */
const readiness = (app: 'validator' | 'bq-sink'): Fault => ({
  name: `readiness of ${app}`,
  description: `kill -9 of ${app}, which must not be ready before all partitions have their state again`,
  claims: [app],
  recovers: [app],
  async inflict({ stack, claimed }) {
    const client = stack.client(app);
    const check = app === 'validator' ? await validatorCheck(stack) : sinkCheck;
    const whatMisses = async (): Promise<string | undefined> => {
      const status = await client.status().catch(() => undefined);
      return status === undefined ? undefined : check(status);
    };
    await stack.instance(app).replace();
    const startedAt = performance.now();
    const untrue = new Set<string>();
    let readyAt: number | undefined;
    let looks = 0;
    let before = await whatMisses();
    while (readyAt === undefined || performance.now() - readyAt < LOOK_ON_MS) {
      const isReady = await stack.readiness(app);
      const after = await whatMisses();
      looks++;
      if (isReady === true && before !== undefined && after !== undefined) untrue.add(after);
      if (isReady === true) readyAt ??= performance.now();
      if (readyAt === undefined && performance.now() - startedAt > READY_WITHIN_MS) {
        const taken = takenFrom(app, claimed);
        if (taken.length > 0) return { detail: `not ready without ${taken.join(' and ')}` };
        throw new DeadlineError(`${app} to be ready again (${after ?? 'nothing misses'})`, READY_WITHIN_MS);
      }
      before = after;
      await delay(POLL_INTERVAL_MS);
    }
    const seconds = (readyAt - startedAt) / 1_000;
    return {
      detail: `ready after ${seconds.toFixed(1)} s, never before by ${String(looks)} looks`,
      broken: [...untrue].slice(0, 4).map((missing) => `${app} said that it was ready with ${missing}`),
      measures: { 'ready, s': seconds },
    };
  },
});

export const READINESS_FAULTS: readonly Fault[] = [readiness('validator'), readiness('bq-sink')];
