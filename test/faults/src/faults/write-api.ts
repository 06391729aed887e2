import { status } from '@grpc/grpc-js';
import { type Rng } from '@orderstream/random';

import { type AppendFault } from '../proxy/append-fault';
import { type FaultStack } from '../stack/fault-stack';
import { lastWhileAffecting, outcomeOfEffect } from './effect';
import { type Claim, type Fault } from './fault';

interface WriteApiFault {
  readonly name: string;
  readonly description: string;
  readonly claims?: readonly Claim[];
  /** How long it lasts from its first effect on. */
  readonly durationMs: number;
  readonly make: (rng: Rng) => AppendFault;
  /** Called before the fault ends. */
  readonly beforeEnd?: (stack: FaultStack) => void;
}

const writeApiFault = ({ name, description, claims = [], durationMs, make, beforeEnd }: WriteApiFault): Fault => ({
  name: `bigquery ${name}`,
  description,
  claims: ['write-api', ...claims],
  recovers: ['bq-sink'],
  async inject({ stack, rng, claimed }) {
    const { writeApi } = stack;
    const before = writeApi.affected;
    writeApi.fault = make(rng);
    try {
      await lastWhileAffecting(() => writeApi.affected - before, durationMs);
      beforeEnd?.(stack);
    } finally {
      writeApi.clear();
    }
    const affected = writeApi.affected - before;
    return outcomeOfEffect({ claimed }, 'bq-sink', affected, `affected ${String(affected)} calls and appends`);
  },
});

const KINDS: readonly WriteApiFault[] = [
  {
    name: 'slow',
    description: 'responses take up to 3 s',
    durationMs: 8_000,
    make: (rng) => ({ kind: 'slow', ms: rng.between(200, 3_000) }),
  },
  {
    name: 'unavailable',
    description: 'every call ends with UNAVAILABLE',
    durationMs: 5_000,
    make: () => ({ kind: 'failing', code: status.UNAVAILABLE }),
  },
  {
    name: 'exhausted',
    description: 'every call ends with RESOURCE_EXHAUSTED',
    durationMs: 5_000,
    make: () => ({ kind: 'failing', code: status.RESOURCE_EXHAUSTED }),
  },
  {
    name: 'lost acks',
    description: 'rows are appended, and the connection fails in place of the response',
    durationMs: 4_000,
    make: () => ({ kind: 'acks-lost' }),
  },
  {
    name: 'already exists',
    description: 'rows are appended, and the response is ALREADY_EXISTS',
    durationMs: 3_000,
    make: () => ({ kind: 'already-exists' }),
  },
  {
    name: 'silent',
    description: 'rows are appended, and there is no response',
    durationMs: 14_000,
    make: () => ({ kind: 'acks-never' }),
  },
  {
    name: 'rejecting',
    description: 'single rows are rejected',
    durationMs: 3_000,
    make: (rng) => ({
      kind: 'rejecting',
      appends: rng.between(1, 4),
      rows: (count) => (count === 0 ? [] : [...new Set([0, rng.between(0, count - 1), count - 1])]),
    }),
  },
  {
    name: 'late',
    description: 'appends are held for 3 s and reach the table after bq-sink was killed',
    claims: ['bq-sink'],
    durationMs: 1_500,
    make: () => ({ kind: 'late', ms: 3_000 }),
    beforeEnd: (stack) => {
      stack.instance('bq-sink').kill();
    },
  },
];

export const WRITE_API_FAULTS: readonly Fault[] = KINDS.map(writeApiFault);
