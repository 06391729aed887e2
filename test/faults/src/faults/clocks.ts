import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { waitUntil } from '@orderstream/deadlines';

import { repositoryRoot } from '../../../../dev/src';
import { jumpNotice } from '../instrumented/jump-notice';
import { LagWatch } from '../run/lag-watch';
import { type Consumer, CONSUMERS } from '../stack/fault-stack';
import { type Fault } from './fault';

const CLOCK = 'dist/test/faults/src/instrumented/jumping-clock.js';
const HOUR_MS = 3_600_000;
const JUMP_DEADLINE_MS = 10_000;
/** Longer than a session: a consumer that has stopped its heartbeats because of the jumps has left its group by then. */
const AFTER_JUMPS_MS = 20_000;
/** How long a wrong clock stays: shortest and longest. */
const SHIFTED_MS = [5_000, 10_000] as const;

/** The wall clock jumps an hour ahead and an hour back, in either order, and then to the right time. */
const clockJump = (app: Consumer): Fault => ({
  name: `clock jump ${app}`,
  description: `the clock of ${app} jumps an hour ahead, an hour back, and back to the right time`,
  claims: [app],
  recovers: [app],
  async inject({ stack, offsets, rng }) {
    const jumpsMs = rng.shuffled([HOUR_MS, -HOUR_MS]);
    const instance = stack.instance(app);
    stack.setVariant(app, {
      env: {
        NODE_OPTIONS: `--require=${join(repositoryRoot(), CLOCK)}`,
        CLOCK_OFFSETS_MS: [...jumpsMs, 0].join(','),
      },
    });
    try {
      await instance.replace();
    } finally {
      stack.setVariant(app, undefined);
    }
    await instance.ready();
    const lag = new LagWatch(offsets, app);
    try {
      for (const jump of [1, 2, 3]) {
        instance.signal('SIGUSR2');
        await waitUntil(() => instance.hasLogged(jumpNotice(instance.pid, jump)), {
          what: `the clock of ${app} to jump`,
          deadlineMs: JUMP_DEADLINE_MS,
          intervalMs: 200,
        });
        await delay(jump < 3 ? rng.between(...SHIFTED_MS) : AFTER_JUMPS_MS);
      }
    } finally {
      await lag.stop();
    }
    const { records, seconds } = lag.take();
    const jumps = jumpsMs.map((ms) => `${ms > 0 ? '+' : '-'}1 h`).join(', ');
    return {
      detail: `${jumps}, lag up to ${String(records)} records and ${seconds.toFixed(1)} s`,
      measures: { 'lag, records': records, 'lag, s': seconds },
    };
  },
});

export const CLOCK_FAULTS: readonly Fault[] = CONSUMERS.map(clockJump);
