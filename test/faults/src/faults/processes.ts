import { setTimeout as delay } from 'node:timers/promises';

import { type App, APPS, type Backend, type Consumer, CONSUMERS } from '../stack/fault-stack';
import { leave, slowest } from './departure';
import { type Fault, type Recovering } from './fault';
import { withFurther } from './further-instances';

/** Past the session timeouts and the transaction timeouts of every service, which are 6 s in this stack. */
const PAST_ALL_TIMEOUTS_MS = 13_000;

/** kill -9 of a service; it is started again at once, as any runner would. */
const kill = (app: App): Fault => ({
  name: `kill ${app}`,
  description: `kill -9 of ${app}`,
  claims: [app],
  recovers: [app],
  inflict({ stack }) {
    stack.instance(app).kill();
    return Promise.resolve({});
  },
});

/** The process stands still while its session and its transactions end; then it goes on as if nothing had been. */
const freeze = (app: Consumer): Fault => ({
  name: `freeze ${app}`,
  description: `SIGSTOP of ${app} for ${String(PAST_ALL_TIMEOUTS_MS / 1_000)} s`,
  claims: [app],
  recovers: [app],
  async inflict({ stack }) {
    stack.instance(app).freeze();
    await delay(PAST_ALL_TIMEOUTS_MS);
    stack.instance(app).thaw();
    return {};
  },
});

/** The same with another instance that takes over meanwhile: the first one comes back as a zombie. */
const zombie = (app: Consumer): Fault => ({
  name: `zombie ${app}`,
  description: `SIGSTOP of ${app} while a second instance takes over, then SIGCONT`,
  claims: [app],
  recovers: [app],
  async inflict(scene) {
    const first = scene.stack.instance(app);
    const departure = await withFurther(scene, app, [2], async () => {
      first.freeze();
      await delay(PAST_ALL_TIMEOUTS_MS);
      first.thaw();
      await delay(3_000);
      return leave(scene, app, 2);
    });
    return { detail: departure.detail, broken: departure.broken, measures: slowest([departure]) };
  },
});

const killBackend = (name: Backend, recovers: readonly Recovering[], losesMessages = false): Fault => ({
  name: `kill ${name}`,
  description: `kill -9 of ${name}, until it is back`,
  claims: [name],
  recovers,
  losesMessages,
  async inflict({ stack }) {
    const startedAt = performance.now();
    const backend = stack.backend(name);
    backend.kill();
    await backend.ended();
    await backend.ready();
    return { detail: `back after ${((performance.now() - startedAt) / 1_000).toFixed(1)} s` };
  },
});

export const PROCESS_FAULTS: readonly Fault[] = [
  ...APPS.map(kill),
  ...CONSUMERS.map(freeze),
  ...CONSUMERS.map(zombie),
  killBackend('kafka', ['order-generator', ...CONSUMERS]),
  killBackend('bigquery-emulator', ['bq-sink', 'subscription-emulator']),
  killBackend('pubsub-emulator', ['pubsub-bridge', 'subscription-emulator'], true),
];
