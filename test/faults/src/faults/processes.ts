import { setTimeout as delay } from 'node:timers/promises';

import { type App, APPS, type Backend, type Consumer, CONSUMERS } from '../stack/fault-stack';
import { type Fault, type Recovering } from './fault';
import { withFurtherInstances } from './further-instances';
import { shutDown, slowest } from './shutdown';
import { stopBrokerCleanly } from './stop-broker';

/** Longer than the session timeouts and the transaction timeouts of every service, which are 6 s in this stack. */
const FREEZE_MS = 13_000;
/** How long a thawed instance and its successor run side by side. */
const ZOMBIE_MS = 3_000;

/** kill -9 of a service, which is restarted at once. */
const kill = (app: App): Fault => ({
  name: `kill ${app}`,
  description: `kill -9 of ${app}`,
  claims: [app],
  recovers: [app],
  inject({ stack }) {
    stack.instance(app).kill();
    return Promise.resolve({});
  },
});

/** The process is stopped until its session and its transactions have timed out, and continues. */
const freeze = (app: Consumer): Fault => ({
  name: `freeze ${app}`,
  description: `SIGSTOP of ${app} for ${String(FREEZE_MS / 1_000)} s`,
  claims: [app],
  recovers: [app],
  async inject({ stack }) {
    stack.instance(app).freeze();
    await delay(FREEZE_MS);
    stack.instance(app).thaw();
    return {};
  },
});

/** As `freeze`, with a second instance that takes over. The first continues as a zombie. */
const zombie = (app: Consumer): Fault => ({
  name: `zombie ${app}`,
  description: `SIGSTOP of ${app} while a second instance takes over, then SIGCONT`,
  claims: [app],
  recovers: [app],
  async inject(context) {
    const first = context.stack.instance(app);
    const shutdown = await withFurtherInstances(context, app, [2], async () => {
      first.freeze();
      await delay(FREEZE_MS);
      first.thaw();
      await delay(ZOMBIE_MS);
      return shutDown(context, app, 2);
    });
    return { detail: shutdown.detail, broken: shutdown.broken, measures: slowest([shutdown]) };
  },
});

const killBackend = (name: Backend, recovers: readonly Recovering[], losesMessages = false): Fault => ({
  name: `kill ${name}`,
  description: `kill -9 of ${name}; ends when it is ready again`,
  claims: [name],
  recovers,
  losesMessages,
  async inject({ stack }) {
    const startedAt = performance.now();
    const backend = stack.backend(name);
    backend.kill();
    await backend.ended();
    await backend.ready();
    return { detail: `ready after ${((performance.now() - startedAt) / 1_000).toFixed(1)} s` };
  },
});

/**
 * Of transactions that end while their partitions have no leader any more, the broker loses the ends. The services must go on
 * nevertheless, by themselves.
 */
const restartBroker: Fault = {
  name: 'clean restart kafka',
  description: 'SIGTERM and start of the broker under load; ends when it is ready again',
  claims: ['kafka'],
  recovers: ['order-generator', ...CONSUMERS],
  async inject({ stack }) {
    const startedAt = performance.now();
    const backend = stack.backend('kafka');
    try {
      const seconds = await stopBrokerCleanly(stack);
      await backend.up();
      await backend.ready();
      const ready = ((performance.now() - startedAt) / 1_000).toFixed(1);
      return {
        detail: `stopped in ${seconds.toFixed(1)} s, ready after ${ready} s`,
        measures: { 'broker stop, s': seconds },
      };
    } finally {
      await backend.up();
    }
  },
};

export const PROCESS_FAULTS: readonly Fault[] = [
  ...APPS.map(kill),
  ...CONSUMERS.map(freeze),
  ...CONSUMERS.map(zombie),
  killBackend('kafka', ['order-generator', ...CONSUMERS]),
  restartBroker,
  killBackend('bigquery-emulator', ['bq-sink', 'subscription-emulator']),
  killBackend('pubsub-emulator', ['pubsub-bridge', 'subscription-emulator'], true),
];
