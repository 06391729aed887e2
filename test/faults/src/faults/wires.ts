import { setTimeout as delay } from 'node:timers/promises';

import { status } from '@grpc/grpc-js';

import { type App, APPS, type Wire, WIRES } from '../stack/fault-stack';
import { type WireState } from '../wire/tcp-proxy';
import { type Weather } from '../wire/weather';
import { type Rng } from '../run/rng';
import { type Fault } from './fault';

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

const onWire = (wire: Wire, { verb, forMs, state }: WireTrouble): Fault => ({
  name: `${verb} ${wire}`,
  description: `${verb} of the connections ${wire.replace('~', ' to ')}`,
  claims: [wire],
  recovers: [endOf(wire)],
  async inflict({ stack, rng }) {
    const ms = rng.between(...forMs);
    const chosen = state(rng);
    stack.wires[wire].state = chosen;
    await delay(ms);
    stack.wires[wire].mend();
    return { detail: `${describeWire(chosen)} for ${String(ms)} ms` };
  },
});

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

const weather = (name: string, description: string, ms: number, make: (rng: Rng) => Weather): Fault => ({
  name: `bigquery ${name}`,
  description,
  claims: ['write-api'],
  recovers: ['bq-sink'],
  async inflict({ stack, rng }) {
    const chosen = make(rng);
    stack.writeApi.weather = chosen;
    await delay(ms);
    stack.writeApi.mend();
    return {};
  },
});

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
  weather('refusing', 'single rows are refused', 3_000, (rng) => ({
    kind: 'refusing',
    appends: rng.between(1, 4),
    rows: (count) => (count === 0 ? [] : [...new Set([0, rng.between(0, count - 1), count - 1])]),
  })),
  {
    name: 'bigquery late',
    description: 'appends are held for 3 s and land when their sender is dead',
    claims: ['write-api', 'bq-sink'],
    recovers: ['bq-sink'],
    async inflict({ stack }) {
      stack.writeApi.weather = { kind: 'late', ms: 3_000 };
      await delay(1_500);
      stack.instance('bq-sink').kill();
      stack.writeApi.mend();
      return {};
    },
  },
];

export const WIRE_FAULTS: readonly Fault[] = [
  ...WIRES.flatMap((wire) => TROUBLES.map((trouble) => onWire(wire, trouble))),
  ...WEATHERS,
];
