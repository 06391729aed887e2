import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { repositoryRoot } from '../../../../dev/src';
import { waitUntil } from '@orderstream/deadlines';
import { jumped } from '../instrumented/jump-notice';
import { LagWatch } from '../run/lag-watch';
import { type Consumer, CONSUMERS } from '../stack/fault-stack';
import { type Fault } from './fault';

const CLOCK = 'dist/test/faults/src/instrumented/jumping-clock.js';
const HOUR_MS = 3_600_000;
const NOTICED_WITHIN_MS = 10_000;
/** Who has stopped to give signs of life since the clock was set back is out of its group by then. */
const PAST_SESSIONS_MS = 20_000;
const SHIFTED_MS = [5_000, 10_000] as const;

/** Somebody sets the clock of the machine: an hour ahead and an hour back, or the other way round, and right again. */
const clockJump = (app: Consumer): Fault => ({
  name: `clock jump ${app}`,
  description: `the clock of ${app} jumps an hour ahead, an hour back, and back to the right time`,
  claims: [app],
  recovers: [app],
  async inflict({ stack, positions, rng }) {
    const offsets = rng.shuffled([HOUR_MS, -HOUR_MS]);
    const instance = stack.instance(app);
    stack.disguise(app, {
      env: {
        NODE_OPTIONS: `--require=${join(repositoryRoot(), CLOCK)}`,
        CLOCK_OFFSETS_MS: [...offsets, 0].join(','),
      },
    });
    try {
      await instance.replace();
    } finally {
      stack.disguise(app, undefined);
    }
    await instance.ready();
    const lag = new LagWatch(positions, app);
    try {
      for (const jump of [1, 2, 3]) {
        instance.signal('SIGUSR2');
        await waitUntil(() => instance.hasLogged(jumped(instance.pid, jump)), {
          what: `the clock of ${app} to jump`,
          deadlineMs: NOTICED_WITHIN_MS,
          intervalMs: 200,
        });
        await delay(jump < 3 ? rng.between(...SHIFTED_MS) : PAST_SESSIONS_MS);
      }
    } finally {
      await lag.stop();
    }
    const { records, seconds } = lag.take();
    return {
      detail: `${offsets.map((ms) => `${ms > 0 ? '+' : '-'}1 h`).join(', ')}, lag up to ${String(records)} records and ${seconds.toFixed(1)} s`,
      measures: { 'lag, records': records, 'lag, s': seconds },
    };
  },
});

export const CLOCK_FAULTS: readonly Fault[] = CONSUMERS.map(clockJump);
