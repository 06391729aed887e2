import { setTimeout as delay } from 'node:timers/promises';

import { LagWatch } from '../run/lag-watch';
import { type App, APPS, type Consumer, CONSUMERS } from '../stack/fault-stack';
import { type Departure, leave, slowest } from './departure';
import { takenFrom } from './dependence';
import { type Fault, type Outcome, type Scene } from './fault';
import { withFurther } from './further-instances';

const FURTHER = [2, 3] as const;
const LAG_BEFORE_MS = 5_000;
/** While its instances are replaced one by one, nothing that a consumer is to commit waits for longer. */
export const ROLLING_LAG_LIMIT_SECONDS = 45;

/** SIGTERM, a drain, a start: what a deployment does. */
const restart = (app: App): Fault => ({
  name: `restart ${app}`,
  description: `SIGTERM and start of ${app}`,
  claims: [app],
  recovers: [app],
  async inflict(scene) {
    const departure = await leave(scene, app);
    await scene.stack.instance(app).up();
    return { detail: departure.detail, broken: departure.broken, measures: slowest([departure]) };
  },
});

/** One instance, three, one; the two that leave drain. */
const scale = (app: Consumer): Fault => ({
  name: `scale ${app}`,
  description: `${app} from 1 to 3 instances and back`,
  claims: [app],
  recovers: [app],
  async inflict(scene) {
    const departures = await withFurther(scene, app, FURTHER, async () => {
      await delay(scene.rng.between(1_000, 4_000));
      return leaveAll(scene, app);
    });
    return outcomeOf(departures);
  },
});

/** Three instances, each of them replaced in its turn. Lag must stay bounded meanwhile. */
const rollingRestart = (app: Consumer): Fault => ({
  name: `rolling restart ${app}`,
  description: `SIGTERM and start of three instances of ${app}, one after the other`,
  claims: [app],
  recovers: [app],
  inflict: (scene) => withFurther(scene, app, FURTHER, () => replaceEach(scene, app)),
});

async function replaceEach(scene: Scene, app: Consumer): Promise<Outcome> {
  const lag = new LagWatch(scene.positions, app);
  const departures: Departure[] = [];
  try {
    await delay(LAG_BEFORE_MS);
    const before = lag.take();
    for (const number of [1, ...FURTHER]) {
      departures.push(await leave(scene, app, number));
      await scene.stack.instance(app, number).up();
      await scene.stack.instance(app, number).ready();
    }
    const during = lag.take();
    departures.push(...(await leaveAll(scene, app)));
    const { detail, broken, measures } = outcomeOf(departures);
    const isBounded =
      during.seconds <= before.seconds + ROLLING_LAG_LIMIT_SECONDS || takenFrom(app, scene.claimed).length > 0;
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

const leaveAll = (scene: Scene, app: Consumer): Promise<readonly Departure[]> =>
  Promise.all(FURTHER.map((number) => leave(scene, app, number)));

function outcomeOf(departures: readonly Departure[]): Required<Outcome> {
  const measures = slowest(departures);
  return {
    detail: `left within ${(measures['drain, s'] ?? 0).toFixed(1)} s`,
    broken: departures.flatMap(({ broken }) => broken),
    measures,
  };
}

export const DEPLOYMENT_FAULTS: readonly Fault[] = [
  ...APPS.map(restart),
  ...CONSUMERS.map(scale),
  ...CONSUMERS.map(rollingRestart),
];
