import { setTimeout as delay } from 'node:timers/promises';

import { type App, APPS, type Backend, type Consumer, CONSUMERS } from '../stack/fault-stack';
import { type Fault } from './fault';

/** Past the session timeouts (6 and 10 s) and the transaction timeouts (6 s) of every service. */
const PAST_ALL_TIMEOUTS_MS = 13_000;
const ALL_CONSUMERS: readonly Consumer[] = CONSUMERS;

const behind = (app: App): readonly Consumer[] => {
  if (app === 'order-generator') return [];
  if (app === 'subscription-standin') return [];
  return [app];
};

/** kill -9 of a service; it is started again at once, as any runner would. */
const kill = (app: App): Fault => ({
  name: `kill ${app}`,
  description: `kill -9 of ${app}`,
  recovers: behind(app),
  inflict(stack) {
    stack.instance(app).kill();
    return Promise.resolve(undefined);
  },
});

/** The process stands still while its session and its transactions end; then it goes on as if nothing had been. */
const freeze = (app: Consumer): Fault => ({
  name: `freeze ${app}`,
  description: `SIGSTOP of ${app} for ${String(PAST_ALL_TIMEOUTS_MS / 1_000)} s`,
  recovers: [app],
  async inflict(stack) {
    stack.instance(app).freeze();
    await delay(PAST_ALL_TIMEOUTS_MS);
    stack.instance(app).thaw();
    return undefined;
  },
});

/** The same with another instance that takes over meanwhile: the first one comes back as a zombie. */
const zombie = (app: Consumer): Fault => ({
  name: `zombie ${app}`,
  description: `SIGSTOP of ${app} while a second instance takes over, then SIGCONT`,
  recovers: [app],
  async inflict(stack) {
    const second = stack.instance(app, 2);
    await second.up();
    await second.ready();
    stack.instance(app).freeze();
    await delay(PAST_ALL_TIMEOUTS_MS);
    stack.instance(app).thaw();
    await delay(3_000);
    await second.down();
    return undefined;
  },
});

const killBackend = (name: Backend, recovers: readonly Consumer[], losesMessages = false): Fault => ({
  name: `kill ${name}`,
  description: `kill -9 of ${name}, until it is back`,
  recovers,
  losesMessages,
  async inflict(stack) {
    const startedAt = performance.now();
    const backend = stack.backend(name);
    backend.kill();
    await backend.ended();
    await backend.ready();
    return `back after ${((performance.now() - startedAt) / 1_000).toFixed(1)} s`;
  },
});

/** One instance, three, one; the two that leave drain. */
const scale = (app: Consumer): Fault => ({
  name: `scale ${app}`,
  description: `${app} from 1 to 3 instances and back`,
  recovers: [app],
  async inflict(stack, rng) {
    const others = [stack.instance(app, 2), stack.instance(app, 3)] as const;
    await Promise.all(others.map((each) => each.up()));
    await Promise.all(others.map((each) => each.ready()));
    await delay(rng.between(1_000, 4_000));
    const [one, two] = await Promise.all(others.map((each) => each.down()));
    const slowestMs = Math.max(one?.tookMs ?? 0, two?.tookMs ?? 0);
    return `left within ${(slowestMs / 1_000).toFixed(1)} s`;
  },
});

/** SIGTERM, a drain, a start: what a deployment does. */
const restart = (app: App): Fault => ({
  name: `restart ${app}`,
  description: `SIGTERM and start of ${app}`,
  recovers: behind(app),
  async inflict(stack) {
    const instance = stack.instance(app);
    const termination = await instance.down();
    await instance.up();
    if (termination === undefined) return 'it was not running';
    const { tookMs, exit } = termination;
    const how = exit.code === 0 ? 'drained' : `ended by ${exit.signal ?? `code ${String(exit.code)}`}`;
    return `${how} in ${(tookMs / 1_000).toFixed(1)} s`;
  },
});

export const PROCESS_FAULTS: readonly Fault[] = [
  ...APPS.map(kill),
  ...CONSUMERS.map(freeze),
  ...CONSUMERS.map(zombie),
  ...CONSUMERS.map(scale),
  ...APPS.map(restart),
  killBackend('kafka', ALL_CONSUMERS),
  killBackend('bigquery-standin', ['bq-sink']),
  killBackend('pubsub-emulator', ['pubsub-bridge'], true),
];
