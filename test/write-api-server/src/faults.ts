import { type Rng } from '@orderstream/random';
import { status } from '@grpc/grpc-js';
import { z } from 'zod';

import { type RowTest, UNARY_METHODS } from './backend';
import { StorageErrorCode, WriteApiError } from './status';

const FAILURES = [
  'UNAVAILABLE',
  'RESOURCE_EXHAUSTED',
  'ABORTED',
  'INTERNAL',
  'DEADLINE_EXCEEDED',
  'ALREADY_EXISTS',
  'OUT_OF_RANGE',
  'PERMISSION_DENIED',
  'INVALID_ARGUMENT',
  'FAILED_PRECONDITION',
] as const satisfies readonly (keyof typeof status)[];

const STORAGE_ERRORS = [
  'STREAM_NOT_FOUND',
  'STREAM_FINALIZED',
  'SCHEMA_MISMATCH_EXTRA_FIELDS',
] as const satisfies readonly (keyof typeof StorageErrorCode)[];

/** What ends: the call, or the whole TCP connection with every call on it. */
const cut = z.enum(['call', 'socket']).default('call');
const ms = z.number().int().min(0).max(3_600_000);

const fault = z.discriminatedUnion('kind', [
  /** It is done, and answered so much later. */
  z.object({ kind: z.literal('delay'), ms }),
  /** Nothing is done. In band: the append is answered so and the connection goes on; otherwise the call ends with it. */
  z.object({
    kind: z.literal('fail'),
    code: z.enum(FAILURES),
    /** The Write API's own code among the details. */
    storageError: z.enum(STORAGE_ERRORS).optional(),
    inBand: z.boolean().default(false),
  }),
  /** It is done, and instead of the answer the connection is cut. */
  z.object({ kind: z.literal('lose-answer'), cut }),
  /** No answer, to this request or any behind it; the connection stays. */
  z.object({ kind: z.literal('never-answer'), lands: z.boolean().default(true) }),
  /** The connection is cut at once; this request and those behind it are done `ms` later, in order. */
  z.object({ kind: z.literal('land-late'), ms, cut }),
  /** The connection is cut; this request and those behind it are not done. */
  z.object({ kind: z.literal('cut'), cut }),
  /** Rows with this value are rejected, and with them the append. */
  z.object({
    kind: z.literal('reject-rows'),
    column: z.string(),
    equals: z.union([z.string(), z.number(), z.boolean()]),
  }),
]);

export const faultRule = z.object({
  on: z.enum([...UNARY_METHODS, 'AppendRows']),
  /** Only requests for a stream or table with this in its name. */
  stream: z.string().default(''),
  /** So many requests that it is for are let by first. */
  skip: z.number().int().min(0).default(0),
  /** It is applied so often; 0 for as long as it is there. */
  times: z.number().int().min(0).default(1),
  /** From 0 to 1. */
  chance: z.number().min(0).max(1).default(1),
  fault,
});

export type Fault = z.output<typeof fault>;
/** What is left out is as in `faultRule`. */
export type FaultRule = z.input<typeof faultRule>;
/** A fault that happens to one request at a time, other than a delay. */
export type Accident = Exclude<Fault, { kind: 'delay' } | { kind: 'reject-rows' }>;

interface ActiveRule extends z.output<typeof faultRule> {
  readonly id: string;
  passed: number;
  applied: number;
}

/** Rules for what goes wrong. Every request is shown to them, in the order of its arrival. */
export class Faults {
  private rules: ActiveRule[] = [];
  private lastId = 0;

  /** @param rng decides for rules with a chance */
  constructor(private readonly rng: Rng) {}

  /** Returns the id of the rule. */
  add(rule: FaultRule): string {
    const id = String(++this.lastId);
    this.rules.push({ ...faultRule.parse(rule), id, passed: 0, applied: 0 });
    return id;
  }

  /** Removes one rule, or all. */
  remove(id?: string): void {
    this.rules = id === undefined ? [] : this.rules.filter((rule) => rule.id !== id);
  }

  list(): readonly (z.output<typeof faultRule> & { readonly id: string; readonly applied: number })[] {
    return this.rules.map((rule) => ({ ...rule }));
  }

  /** How often the rule was applied; 0 for one that is not there. */
  applied(id: string): number {
    return this.rules.find((rule) => rule.id === id)?.applied ?? 0;
  }

  /** What happens to a request: all delays that are for it, and the first accident. */
  next(on: FaultRule['on'], target: string): { readonly delayMs: number; readonly accident: Accident | undefined } {
    let delayMs = 0;
    let accident: Accident | undefined;
    for (const rule of this.rules) {
      const { fault: what } = rule;
      if (what.kind === 'reject-rows' || !isFor(rule, on, target)) continue;
      if (what.kind !== 'delay' && accident !== undefined) continue;
      if (rule.passed++ < rule.skip || !this.rng.chance(rule.chance)) continue;
      rule.applied++;
      if (what.kind === 'delay') delayMs += what.ms;
      else accident = what;
    }
    return { delayMs, accident };
  }

  /** Rows that are to be rejected; undefined if there is no rule about any. A rejected row counts as one application. */
  rejecting(target: string): RowTest | undefined {
    const rules = this.rules.filter((rule) => rule.fault.kind === 'reject-rows' && isFor(rule, 'AppendRows', target));
    if (rules.length === 0) return undefined;
    return (row) => {
      for (const rule of rules) {
        if (rule.fault.kind !== 'reject-rows' || isSpent(rule)) continue;
        const { column, equals } = rule.fault;
        if (row[column] !== equals) continue;
        rule.applied++;
        return `Field ${column}: ${String(equals)} is rejected`;
      }
      return undefined;
    };
  }
}

const isSpent = ({ times, applied }: ActiveRule): boolean => times > 0 && applied >= times;

const isFor = (rule: ActiveRule, on: FaultRule['on'], target: string): boolean =>
  rule.on === on && target.includes(rule.stream) && !isSpent(rule);

export const failure = ({ code, storageError }: Extract<Fault, { kind: 'fail' }>): WriteApiError =>
  new WriteApiError(
    status[code],
    `${code} by a fault`,
    storageError === undefined ? undefined : { code: StorageErrorCode[storageError], entity: '' },
  );
