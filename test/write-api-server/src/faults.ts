import { type Rng } from '@orderstream/random';
import { status } from '@grpc/grpc-js';
import { z } from 'zod';

import { type RowCheck, UNARY_METHODS } from './backend';
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
  'NOT_FOUND',
] as const satisfies readonly (keyof typeof status)[];

const STORAGE_ERRORS = [
  'STREAM_NOT_FOUND',
  'STREAM_FINALIZED',
  'SCHEMA_MISMATCH_EXTRA_FIELDS',
] as const satisfies readonly (keyof typeof StorageErrorCode)[];

/** What is cut: the call, or the TCP connection with all its calls. */
const cut = z.enum(['call', 'socket']).default('call');
const ms = z.number().int().min(0).max(3_600_000);

const fault = z.discriminatedUnion('kind', [
  /** Executes the request and delays the answer. */
  z.object({ kind: z.literal('delay'), ms }),
  /** Does not execute the request. `inBand`: answers an append with the error; otherwise the call ends with it. */
  z.object({
    kind: z.literal('fail'),
    code: z.enum(FAILURES),
    /** The code of the StorageError in the details. */
    storageError: z.enum(STORAGE_ERRORS).optional(),
    inBand: z.boolean().default(false),
  }),
  /** Executes the request and cuts the connection instead of answering. */
  z.object({ kind: z.literal('lose-answer'), cut }),
  /**
   * Answers neither this request nor later ones of the call. `lands`: whether this request is executed; later ones are.
   */
  z.object({ kind: z.literal('never-answer'), lands: z.boolean().default(true) }),
  /** Cuts the connection at once, and executes this request `ms` later. */
  z.object({ kind: z.literal('land-late'), ms, cut }),
  /** Cuts the connection. Neither this request nor later ones are executed. */
  z.object({ kind: z.literal('cut'), cut }),
  /** Rejects rows with this value, and with them the append. */
  z.object({
    kind: z.literal('reject-rows'),
    column: z.string(),
    equals: z.union([z.string(), z.number(), z.boolean()]),
  }),
]);

export const faultRule = z.object({
  on: z.enum([...UNARY_METHODS, 'AppendRows']),
  /** Applies only to streams and tables whose name contains this. */
  stream: z.string().default(''),
  /** Number of matching requests before the first application. */
  skip: z.number().int().min(0).default(0),
  /** Number of applications; 0 is unlimited. */
  times: z.number().int().min(0).default(1),
  /** Probability of each application, from 0 to 1. */
  chance: z.number().min(0).max(1).default(1),
  fault,
});

export type Fault = z.output<typeof fault>;
export type FaultRule = z.input<typeof faultRule>;
/** A fault of which a request has at most one. */
export type RequestFault = Exclude<Fault, { kind: 'delay' } | { kind: 'reject-rows' }>;

interface ActiveRule extends z.output<typeof faultRule> {
  readonly id: string;
  matched: number;
  applied: number;
}

/** The active fault rules. Each request is matched against them in the order of arrival. */
export class Faults {
  private rules: ActiveRule[] = [];
  private lastId = 0;

  /** @param rng for rules with a chance */
  constructor(private readonly rng: Rng) {}

  /** Adds a rule and returns its id. */
  add(rule: FaultRule): string {
    const id = String(++this.lastId);
    this.rules.push({ ...faultRule.parse(rule), id, matched: 0, applied: 0 });
    return id;
  }

  /** Removes one rule, or all. */
  remove(id?: string): void {
    this.rules = id === undefined ? [] : this.rules.filter((rule) => rule.id !== id);
  }

  list(): readonly (z.output<typeof faultRule> & { readonly id: string; readonly applied: number })[] {
    return this.rules.map((rule) => ({ ...rule }));
  }

  /** Number of applications of the rule; 0 for an unknown id. */
  applied(id: string): number {
    return this.rules.find((rule) => rule.id === id)?.applied ?? 0;
  }

  /** The faults of the next request: the sum of all matching delays, and the first other fault. */
  next(on: FaultRule['on'], target: string): { readonly delayMs: number; readonly fault: RequestFault | undefined } {
    let delayMs = 0;
    let fault: RequestFault | undefined;
    for (const rule of this.rules) {
      const candidate = rule.fault;
      if (candidate.kind === 'reject-rows' || !isFor(rule, on, target)) continue;
      if (candidate.kind !== 'delay' && fault !== undefined) continue;
      if (rule.matched++ < rule.skip || !this.rng.chance(rule.chance)) continue;
      rule.applied++;
      if (candidate.kind === 'delay') delayMs += candidate.ms;
      else fault = candidate;
    }
    return { delayMs, fault };
  }

  /** Applies the `reject-rows` rules; undefined if there are none. Each rejected row counts as one application. */
  rowCheck(target: string): RowCheck | undefined {
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

/** The error of a `fail` fault. */
export const failure = ({ code, storageError }: Extract<Fault, { kind: 'fail' }>): WriteApiError =>
  new WriteApiError(
    status[code],
    `${code} by a fault`,
    storageError === undefined ? undefined : { code: StorageErrorCode[storageError], entity: '' },
  );
