import { type DeadLetterReason, isParked } from '@orderstream/dead-letters';
import type { KafkaRecord, OutputRecord } from '@orderstream/kafka';
import {
  type CatalogVersionsOverlay,
  type CatalogView,
  type Evaluation,
  type Reference,
  type RuleEvaluator,
  type StateOverlay,
  type Verdict,
  violated,
} from '@orderstream/quality';
import type { EvaluatedBy, Outputs } from './outputs';

/** How often a rule may throw on a record before the record is rejected. */
const RULE_ATTEMPTS = 3;

export interface EvaluationOptions {
  readonly evaluator: RuleEvaluator;
  readonly catalog: CatalogView;
  /** The catalog holds all that was announced before the batch was received: no record waits for it. */
  readonly catalogComplete: boolean;
  /** Takes the accepted records of the catalog's family. */
  readonly versions?: CatalogVersionsOverlay | undefined;
  readonly outputs: Outputs;
  readonly evaluatedBy: EvaluatedBy;
  /** The loop's clock, for `dlq-failed-at`, and against append times that are ahead of it. No rule reads it. */
  readonly now: Date;
}

/** A verdict other than `wait`. */
export type SettledVerdict = Exclude<Verdict['kind'], 'wait'>;

/** A rejected record. */
export interface DeadLettered {
  readonly record: KafkaRecord;
  readonly reasons: readonly DeadLetterReason[];
  /** It was rejected too often to be replayed again. */
  readonly isParked: boolean;
}

export interface EvaluatedBatch {
  /** Validated records and dead letters. */
  readonly outputs: readonly OutputRecord[];
  /** The kind of verdict of each evaluated record. */
  readonly verdicts: readonly SettledVerdict[];
  readonly deadLettered: readonly DeadLettered[];
  /** Records on which a rule threw at each attempt. They are among the rejected ones. */
  readonly ruleFailures: readonly { readonly record: KafkaRecord; readonly error: unknown }[];
  /** Index of the first record that was not evaluated, as it waits for the catalog; the number of records if none. */
  readonly end: number;
  /** What that record refers to and the catalog does not know or contradicts; empty if none waits. */
  readonly missing: readonly Reference[];
}

/**
 * Evaluates records one after the other, up to the first that has to wait for the catalog. The overlay takes their
 * changes and counts their verdicts. No I/O.
 */
export function evaluateBatch(
  records: readonly KafkaRecord[],
  overlay: StateOverlay,
  options: EvaluationOptions,
): EvaluatedBatch {
  const outputs: OutputRecord[] = [];
  const verdicts: SettledVerdict[] = [];
  const deadLettered: DeadLettered[] = [];
  const ruleFailures: { record: KafkaRecord; error: unknown }[] = [];
  const nowMs = options.now.getTime();
  let missing: readonly Reference[] = [];
  for (const record of records) {
    overlay.advanceTo(record.timestamp, nowMs);
    const { verdict, changes, failure } = evaluateRecord(record, overlay, options);
    if (verdict.kind === 'wait') {
      missing = verdict.missing;
      break;
    }
    if (failure !== undefined) ruleFailures.push({ record, error: failure.cause });
    overlay.settle(verdict, changes);
    if (options.versions !== undefined) announceTo(options.versions, record, verdict, overlay.nowMs);
    verdicts.push(verdict.kind);
    const output = options.outputs.forVerdict(record, verdict, options.evaluatedBy, options.now);
    if (output === undefined) continue;
    outputs.push(output);
    if (verdict.kind === 'reject') {
      deadLettered.push({ record, reasons: verdict.reasons, isParked: isParked(output) });
    }
  }
  return { outputs, verdicts, deadLettered, ruleFailures, end: verdicts.length, missing };
}

/** Parses the value once more: of the families, the catalog has the fewest records. */
function announceTo(versions: CatalogVersionsOverlay, { value }: KafkaRecord, verdict: Verdict, nowMs: number): void {
  if (verdict.kind === 'repair') versions.apply(verdict.body, nowMs);
  else if (verdict.kind === 'accept' && value !== null) versions.apply(JSON.parse(value.toString()), nowMs);
}

/** Repeats a rule that throws, then rejects the record: a defect in a rule must not stop the partition. */
function evaluateRecord(
  record: KafkaRecord,
  overlay: StateOverlay,
  { evaluator, catalog, catalogComplete }: EvaluationOptions,
): Evaluation & { readonly failure?: { readonly cause: unknown } } {
  for (let attempt = 1; ; attempt++) {
    try {
      return evaluator.evaluate(record, overlay, catalog, catalogComplete);
    } catch (error) {
      if (attempt < RULE_ATTEMPTS) continue;
      const thrown = error instanceof Error ? error.name : typeof error;
      const constraint = violated('hasVerdict', `a verdict after ${String(RULE_ATTEMPTS)} attempts`, thrown);
      const reasons = [{ code: 'internal.rule_failed', path: 'value', constraint }] as const;
      return { verdict: { kind: 'reject', reasons }, changes: [], failure: { cause: error } };
    }
  }
}
