import { CE, envelopeHeaders, EVENT_CONTRACTS, HEADER_OVERHEAD_BYTES, type RuleCode } from '@orderstream/contracts';
import { Catalog } from '../catalog/catalog';
import { RuleEvaluator } from '../rule-evaluator';
import { qualitySettings } from '../settings';
import { DEFAULT_STATE_LIMITS, PartitionState } from '../state/partition-state';
import { StateOverlay } from '../state/state-overlay';
import type { RawRecord, Reason, Verdict } from '../verdict';
import {
  APPENDED_AT,
  bodyOf,
  example,
  type ExampleBody,
  type ExampleRecord,
  type RuleExample,
  type RuleGuide,
} from './rule-guide';

/** What the evaluation of an example needs of other libs. */
export interface ExampleOptions {
  /** Partition of a key, as the producers' partitioner computes it. */
  readonly partitionOf: (key: Buffer) => number;
  /** The texts of the `dlq-*` headers that give the reasons of a rejected record. */
  readonly deadLetterHeaders: (reasons: readonly Reason[]) => DeadLetterText;
}

export interface DeadLetterText {
  readonly reason: string;
  readonly detail: string;
}

/** A record of an example, and what the rules say of it. */
export interface EvaluatedRecord {
  readonly example: ExampleRecord;
  readonly body: ExampleBody;
  readonly record: RawRecord;
  readonly verdict: Verdict;
}

const SOURCE = '/shop';

/** The headers, filled up to `headerBytes` by one more. */
function headersOf(example: ExampleRecord, body: ExampleBody): Record<string, string> {
  const { type, occurred_at: time, event_id: id } = body;
  const headers = {
    ...envelopeHeaders({ id: String(id), type: String(body.event_type ?? type), source: SOURCE, time: String(time) }),
    ...example.headers,
  };
  if (example.headerBytes === undefined) return headers;
  const bytes = [...Object.entries(headers), ['baggage', '']].reduce(
    (sum, [name = '', value = '']) => sum + Buffer.byteLength(name) + Buffer.byteLength(value) + HEADER_OVERHEAD_BYTES,
    0,
  );
  return { ...headers, baggage: 'x'.repeat(example.headerBytes - bytes) };
}

function rawRecord(example: ExampleRecord, body: ExampleBody, partitionOf: ExampleOptions['partitionOf']): RawRecord {
  const keyField = EVENT_CONTRACTS.get(example.type)?.keyField ?? '';
  const key = Buffer.from(example.key ?? String(body[keyField]));
  const json = JSON.stringify(body);
  return {
    partition: partitionOf(key),
    timestamp: Date.parse(example.appendedAt ?? APPENDED_AT),
    key,
    value: Buffer.from(example.write?.(json) ?? json),
    headers: Object.fromEntries(
      Object.entries(headersOf(example, body)).map(([name, value]) => [name, Buffer.from(value)]),
    ),
  };
}

const ANNOUNCED_AT = '2025-07-01T00:00:00.000Z';
const CATALOG = [
  example('vendor.onboarded', { occurred_at: ANNOUNCED_AT }),
  example('product.listed', { occurred_at: ANNOUNCED_AT }),
];

function catalogOf({ catalog = [], catalogTruncated = false }: RuleExample): Catalog {
  const built = new Catalog();
  if (catalogTruncated) built.truncate(undefined);
  for (const each of [...CATALOG, ...catalog]) built.apply(bodyOf(each, 'announcement'));
  return built;
}

/**
 * Evaluates the records of an example by the rules with their default settings.
 * @throws TypeError if the records are of several partitions: rules remember those of one
 */
function evaluateExample(rules: RuleExample, partitionOf: ExampleOptions['partitionOf']): readonly EvaluatedRecord[] {
  const catalog = catalogOf(rules);
  const state = new PartitionState({ ...DEFAULT_STATE_LIMITS, ...rules.limits });
  const evaluated = rules.records.map((each, index): EvaluatedRecord => {
    const body = bodyOf(each, `event-${index + 1}`);
    const record = rawRecord(each, body, partitionOf);
    const family = EVENT_CONTRACTS.get(each.type)?.family ?? 'orders';
    const evaluator = new RuleEvaluator({ family, settings: qualitySettings(), partitionOf });
    const overlay = new StateOverlay(state);
    overlay.advanceTo(record.timestamp, record.timestamp);
    const { verdict, changes } = evaluator.evaluate(record, overlay, catalog, true);
    overlay.settle(verdict, changes);
    overlay.fold(index + 1);
    return { example: each, body, record, verdict };
  });
  if (new Set(evaluated.map(({ record }) => record.partition)).size > 1) {
    throw new TypeError(`"${rules.what}": its records are in several partitions`);
  }
  return evaluated;
}

/** The rules that fired. */
export function firedBy(verdict: Verdict): readonly RuleCode[] {
  switch (verdict.kind) {
    case 'reject':
      return verdict.reasons.map(({ code }) => code);
    case 'accept':
    case 'repair':
      return verdict.flags;
    case 'skip':
      return [verdict.rule];
    case 'wait':
      return [];
  }
}

const passes = ({ kind }: Verdict): boolean => kind === 'accept' || kind === 'repair';

/** What each example of a rule shows, and whether a verdict is that. */
const SHOWS: Readonly<
  Record<'fires' | 'nearMiss' | 'flagged' | 'accepted', (verdict: Verdict, fired: boolean) => boolean>
> = {
  fires: (_, fired) => fired,
  nearMiss: (verdict, fired) => passes(verdict) && !fired,
  flagged: (verdict, fired) => verdict.kind === 'accept' && fired,
  accepted: (verdict, fired) => verdict.kind === 'accept' && !fired,
};

/** An example does not show what it is for. */
export class ExampleError extends Error {
  constructor(code: RuleCode, expected: keyof typeof SHOWS, what: string, verdict: Verdict) {
    super(`${code}: the example "${what}" is to show ${expected}, and its verdict is ${JSON.stringify(verdict)}`);
  }
}

function checked(
  code: RuleCode,
  expected: keyof typeof SHOWS,
  rules: RuleExample,
  partitionOf: ExampleOptions['partitionOf'],
): readonly EvaluatedRecord[] {
  const evaluated = evaluateExample(rules, partitionOf);
  for (const [index, { verdict }] of evaluated.entries()) {
    const isLast = index === evaluated.length - 1;
    const shown = isLast ? SHOWS[expected](verdict, firedBy(verdict).includes(code)) : passes(verdict);
    if (!shown) throw new ExampleError(code, expected, rules.what, verdict);
  }
  return evaluated;
}

/** An example with the verdicts on its records. */
export interface ShownExample {
  readonly title: string;
  readonly rules: RuleExample;
  readonly evaluated: readonly EvaluatedRecord[];
}

/**
 * The examples of a rule with their verdicts.
 * @throws ExampleError if one does not show what it is for
 */
export function examplesOf(
  code: RuleCode,
  { examples }: RuleGuide,
  partitionOf: ExampleOptions['partitionOf'],
): readonly ShownExample[] {
  if (examples === undefined) return [];
  const { fires, nearMiss, uncertain } = examples;
  const shown = (title: string, expected: keyof typeof SHOWS, rules: RuleExample): ShownExample => ({
    title,
    rules,
    evaluated: checked(code, expected, rules, partitionOf),
  });
  return [
    shown('Fires', 'fires', fires),
    shown('Just does not', 'nearMiss', nearMiss),
    ...(uncertain === undefined ? [] : [shown('Not certain', uncertain.verdict, uncertain)]),
  ];
}

/** Headers that differ from those of the body, for the document. */
export const changedHeaders = ({ example, record }: EvaluatedRecord): readonly [string, string][] =>
  Object.entries(record.headers)
    .filter(([name]) => example.headers?.[name] !== undefined || !Object.values<string>(CE).includes(name))
    .map(([name, value]) => [name, String(value)]);
