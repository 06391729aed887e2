import { status } from '@grpc/grpc-js';

import { type App, APPS, type FaultStack, type Wire, WIRES } from '../stack/fault-stack';
import { type Met, type WireState } from '../wire/tcp-proxy';
import { type Weather } from '../wire/append-conditions';
import { type Rng } from '@orderstream/random';
import { type Claim, type Fault } from './fault';
import { outcomeOfMeeting, untilMet } from './meeting';

const endOf = (wire: Wire): App => APPS.find((app) => wire.startsWith(`${app}~`)) ?? 'order-generator';

interface WireTrouble {
  readonly verb: string;
  readonly forMs: readonly [number, number];
  readonly state: (rng: Rng) => WireState;
}

const TROUBLES: readonly WireTrouble[] = [
  { verb: 'cut', forMs: [50, 5_000], state: () => ({ kind: 'cut' }) },
  { verb: 'delay', forMs: [3_000, 8_000], state: (rng) => ({ kind: 'delayed', ms: rng.between(50, 1_500) }) },
  {
    verb: 'throttle',
    forMs: [3_000, 8_000],
    state: (rng) => ({ kind: 'throttled', bytesPerSecond: rng.between(20_000, 200_000) }),
  },
  { verb: 'half-open', forMs: [1_000, 12_000], state: () => ({ kind: 'half-open' }) },
];

/** Wires that a service uses when it starts, and hardly ever else. */
const USED_AT_START: ReadonlySet<Wire> = new Set<Wire>(['bq-sink~bigquery', 'pubsub-bridge~bigquery']);

const onWire = (wire: Wire, { verb, forMs, state }: WireTrouble): Fault => {
  const app = endOf(wire);
  const kills = USED_AT_START.has(wire);
  return {
    name: `${verb} ${wire}`,
    description: `${verb} of the connections ${wire.replace('~', ' to ')}${kills ? `, over which ${app} has to start` : ''}`,
    claims: kills ? [wire, app] : [wire],
    recovers: [app],
    async inflict({ stack, rng, claimed }) {
      const ms = rng.between(...forMs);
      const chosen = state(rng);
      const proxy = stack.wires[wire];
      let before = proxy.met;
      proxy.state = chosen;
      try {
        if (kills) {
          await stack.instance(app).replace();
          // The start has to meet it; what the one that was killed has met does not count.
          before = proxy.met;
        }
        await untilMet(() => sumOf(since(before, proxy.met)), ms);
      } finally {
        proxy.mend();
      }
      const met = since(before, proxy.met);
      const detail = `${describeWire(chosen)} for ${String(ms)} ms, met by ${String(met.connections)} connections and ${String(met.chunks)} chunks`;
      return outcomeOfMeeting({ claimed }, app, sumOf(met), detail);
    },
  };
};

const since = (before: Met, now: Met): Met => ({
  connections: now.connections - before.connections,
  chunks: now.chunks - before.chunks,
});

const sumOf = ({ connections, chunks }: Met): number => connections + chunks;

function describeWire(state: WireState): string {
  switch (state.kind) {
    case 'delayed':
      return `by ${String(state.ms)} ms`;
    case 'throttled':
      return `to ${String(state.bytesPerSecond)} bytes/s`;
    default:
      return state.kind;
  }
}

interface BadWeather {
  readonly name: string;
  readonly description: string;
  readonly claims?: readonly Claim[];
  /** How long it lasts once it was met. */
  readonly ms: number;
  readonly make: (rng: Rng) => Weather;
  /** What happens before it ends. */
  readonly meanwhile?: (stack: FaultStack) => void;
}

const inWeather = ({ name, description, claims = [], ms, make, meanwhile }: BadWeather): Fault => ({
  name: `bigquery ${name}`,
  description,
  claims: ['write-api', ...claims],
  recovers: ['bq-sink'],
  async inflict({ stack, rng, claimed }) {
    const { writeApi } = stack;
    const before = writeApi.met;
    writeApi.weather = make(rng);
    try {
      await untilMet(() => writeApi.met - before, ms);
      meanwhile?.(stack);
    } finally {
      writeApi.mend();
    }
    const met = writeApi.met - before;
    return outcomeOfMeeting({ claimed }, 'bq-sink', met, `met by ${String(met)} calls and appends`);
  },
});

const weather = (name: string, description: string, ms: number, make: (rng: Rng) => Weather): Fault =>
  inWeather({ name, description, ms, make });

const WEATHERS: readonly Fault[] = [
  weather('slow', 'answers take up to 3 s', 8_000, (rng) => ({ kind: 'slow', ms: rng.between(200, 3_000) })),
  weather('unavailable', 'every call ends with UNAVAILABLE', 5_000, () => ({
    kind: 'failing',
    code: status.UNAVAILABLE,
  })),
  weather('exhausted', 'every call ends with RESOURCE_EXHAUSTED', 5_000, () => ({
    kind: 'failing',
    code: status.RESOURCE_EXHAUSTED,
  })),
  weather('lost acks', 'rows land, and the connection breaks instead of an answer', 4_000, () => ({
    kind: 'acks-lost',
  })),
  weather('already exists', 'rows land, and ALREADY_EXISTS is answered', 3_000, () => ({ kind: 'already-exists' })),
  weather('silent', 'rows land, and nothing is answered', 14_000, () => ({ kind: 'acks-never' })),
  weather('rejecting', 'single rows are rejected', 3_000, (rng) => ({
    kind: 'rejecting',
    appends: rng.between(1, 4),
    rows: (count) => (count === 0 ? [] : [...new Set([0, rng.between(0, count - 1), count - 1])]),
  })),
  inWeather({
    name: 'late',
    description: 'appends are held for 3 s and land when their sender is dead',
    claims: ['bq-sink'],
    ms: 1_500,
    make: () => ({ kind: 'late', ms: 3_000 }),
    meanwhile: (stack) => {
      stack.instance('bq-sink').kill();
    },
  }),
];

export const WIRE_FAULTS: readonly Fault[] = [
  ...WIRES.flatMap((wire) => TROUBLES.map((trouble) => onWire(wire, trouble))),
  ...WEATHERS,
];
