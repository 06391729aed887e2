import { setTimeout as delay } from 'node:timers/promises';

import { LagWatch } from '../run/lag-watch';
import { type App, APPS, type Consumer, CONSUMERS } from '../stack/fault-stack';
import { unavailableTo } from './dependencies';
import { type Fault, type FaultContext, type Outcome } from './fault';
import { withFurtherInstances } from './further-instances';
import { type Shutdown, shutDown, slowest } from './shutdown';

const FURTHER = [2, 3] as const;
/** How long the lag is measured before a rolling restart. */
const LAG_BEFORE_MS = 5_000;
/** A rolling restart may add this much to the age of the oldest uncommitted record. */
export const ROLLING_LAG_LIMIT_SECONDS = 45;

/** SIGTERM, a drain and a start, as in a deployment. */
const restart = (app: App): Fault => ({
  name: `restart ${app}`,
  description: `SIGTERM and start of ${app}`,
  claims: [app],
  recovers: [app],
  async inject(context) {
    const shutdown = await shutDown(context, app);
    await context.stack.instance(app).up();
    return { detail: shutdown.detail, broken: shutdown.broken, measures: slowest([shutdown]) };
  },
});

/** One instance, three for some seconds, one. The two that stop drain. */
const scale = (app: Consumer): Fault => ({
  name: `scale ${app}`,
  description: `${app} from 1 to 3 instances and back`,
  claims: [app],
  recovers: [app],
  async inject(context) {
    const shutdowns = await withFurtherInstances(context, app, FURTHER, async () => {
      await delay(context.rng.between(1_000, 4_000));
      return shutDownFurther(context, app);
    });
    return outcomeOf(shutdowns);
  },
});

/** Three instances, restarted one after the other. The lag must stay bounded. */
const rollingRestart = (app: Consumer): Fault => ({
  name: `rolling restart ${app}`,
  description: `SIGTERM and start of three instances of ${app}, one after the other`,
  claims: [app],
  recovers: [app],
  inject: (context) => withFurtherInstances(context, app, FURTHER, () => restartEach(context, app)),
});

async function restartEach(context: FaultContext, app: Consumer): Promise<Outcome> {
  const lag = new LagWatch(context.offsets, app);
  const shutdowns: Shutdown[] = [];
  try {
    await delay(LAG_BEFORE_MS);
    const before = lag.take();
    for (const number of [1, ...FURTHER]) {
      shutdowns.push(await shutDown(context, app, number));
      await context.stack.instance(app, number).up();
      await context.stack.instance(app, number).ready();
    }
    const during = lag.take();
    shutdowns.push(...(await shutDownFurther(context, app)));
    const { detail, broken, measures } = outcomeOf(shutdowns);
    const isBounded =
      during.seconds <= before.seconds + ROLLING_LAG_LIMIT_SECONDS || unavailableTo(app, context.claimed).length > 0;
    return {
      detail: `${detail}, lag up to ${String(during.records)} records and ${during.seconds.toFixed(1)} s, before ${String(before.records)} and ${before.seconds.toFixed(1)} s`,
      broken: isBounded
        ? broken
        : [
            ...broken,
            `lag rose by more than ${String(ROLLING_LAG_LIMIT_SECONDS)} s: to ${during.seconds.toFixed(1)} s`,
          ],
      measures: {
        ...measures,
        'lag before, records': before.records,
        'lag, records': during.records,
        'lag before, s': before.seconds,
        'lag, s': during.seconds,
      },
    };
  } finally {
    await lag.stop();
  }
}

const shutDownFurther = (context: FaultContext, app: Consumer): Promise<readonly Shutdown[]> =>
  Promise.all(FURTHER.map((number) => shutDown(context, app, number)));

function outcomeOf(shutdowns: readonly Shutdown[]): Required<Outcome> {
  const measures = slowest(shutdowns);
  return {
    detail: `exited within ${(measures['drain, s'] ?? 0).toFixed(1)} s`,
    broken: shutdowns.flatMap(({ broken }) => broken),
    measures,
  };
}

export const DEPLOYMENT_FAULTS: readonly Fault[] = [
  ...APPS.map(restart),
  ...CONSUMERS.map(scale),
  ...CONSUMERS.map(rollingRestart),
];
