import { type Rng } from '@orderstream/random';

import { type Affected, type LinkState } from '../proxy/tcp-proxy';
import { type App, APPS, type Link, LINKS } from '../stack/fault-stack';
import { lastWhileAffecting, outcomeOfEffect } from './effect';
import { type Fault } from './fault';

interface LinkFault {
  readonly verb: string;
  /** What its connections are. */
  readonly effect: string;
  /** Shortest and longest. */
  readonly durationMs: readonly [number, number];
  readonly state: (rng: Rng) => LinkState;
}

const KINDS: readonly LinkFault[] = [
  { verb: 'cut', effect: 'reset', durationMs: [50, 5_000], state: () => ({ kind: 'cut' }) },
  {
    verb: 'delay',
    effect: 'delayed',
    durationMs: [3_000, 8_000],
    state: (rng) => ({ kind: 'delayed', ms: rng.between(50, 1_500) }),
  },
  {
    verb: 'throttle',
    effect: 'throttled',
    durationMs: [3_000, 8_000],
    state: (rng) => ({ kind: 'throttled', bytesPerSecond: rng.between(20_000, 200_000) }),
  },
  { verb: 'half-open', effect: 'half-open', durationMs: [1_000, 12_000], state: () => ({ kind: 'half-open' }) },
];

/** Links that a service uses at its start, and hardly ever afterwards. */
const USED_AT_START: ReadonlySet<Link> = new Set<Link>(['bq-sink~bigquery', 'pubsub-bridge~bigquery']);

const linkFault = (link: Link, { verb, effect, durationMs, state }: LinkFault): Fault => {
  const app = clientOf(link);
  const restarts = USED_AT_START.has(link);
  return {
    name: `${verb} ${link}`,
    description: `connections from ${link.replace('~', ' to ')} are ${effect}${restarts ? ` while ${app} starts` : ''}`,
    claims: restarts ? [link, app] : [link],
    recovers: [app],
    async inject({ stack, rng, claimed }) {
      const ms = rng.between(...durationMs);
      const chosen = state(rng);
      const proxy = stack.links[link];
      let before = proxy.affected;
      proxy.state = chosen;
      try {
        if (restarts) {
          await stack.instance(app).replace();
          // Counts what the new process meets only.
          before = proxy.affected;
        }
        await lastWhileAffecting(() => sumOf(since(before, proxy.affected)), ms);
      } finally {
        proxy.clear();
      }
      const affected = since(before, proxy.affected);
      const { connections, chunks } = affected;
      const detail = `${describeState(chosen)} for ${String(ms)} ms, affected ${String(connections)} connections and ${String(chunks)} chunks`;
      return outcomeOfEffect({ claimed }, app, sumOf(affected), detail);
    },
  };
};

const clientOf = (link: Link): App => {
  const app = APPS.find((each) => link.startsWith(`${each}~`));
  if (app === undefined) throw new TypeError(`no service has the link ${link}`);
  return app;
};

const since = (before: Affected, now: Affected): Affected => ({
  connections: now.connections - before.connections,
  chunks: now.chunks - before.chunks,
});

const sumOf = ({ connections, chunks }: Affected): number => connections + chunks;

function describeState(state: LinkState): string {
  switch (state.kind) {
    case 'delayed':
      return `by ${String(state.ms)} ms`;
    case 'throttled':
      return `to ${String(state.bytesPerSecond)} bytes/s`;
    default:
      return state.kind;
  }
}

export const LINK_FAULTS: readonly Fault[] = LINKS.flatMap((link) => KINDS.map((kind) => linkFault(link, kind)));
