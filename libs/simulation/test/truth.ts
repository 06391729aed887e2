import { type RuleCode, SIMULATION_ID_HEADER } from '@orderstream/contracts';
import { outcomeOf } from '@orderstream/quality';
import { expectedFindings, type Findings, RecordCursor, type Segment, type SimulatedRecord } from '../src';
import { appendMsOf } from '../src/time/timestamps';
import { Validator } from './validator';

/** When pieces of the log are sent again, as after a kill. */
export interface Resends {
  /** Records from one resend to the next. */
  readonly every: number;
  /** How many of the last records are sent again. */
  readonly records: number;
  /** How much later than they were emitted. */
  readonly delayMs: number;
}

export interface Truth {
  /** The first verdicts that are not the expected ones. */
  readonly wrong: readonly string[];
  readonly evaluated: number;
  /** Number of first occurrences by defect or near miss. */
  readonly defects: ReadonlyMap<string, number>;
  /** Number of records by rule: expected, and as the rules' own accounting has it. */
  readonly expectedRules: Partial<Record<RuleCode, number>>;
  readonly countedRules: Partial<Record<RuleCode, number>>;
}

const idOf = ({ headers }: SimulatedRecord): string => String(headers[SIMULATION_ID_HEADER]);
const textOf = ({ outcome, rules }: Findings): string => `${outcome} ${rules.join(',')}`;
const MAX_WRONG = 10;

/** Evaluates the first records of a segment by the rules, and compares each verdict with the expected one. */
export function truthOf(segment: Segment, records: number, resends?: Resends): Truth {
  const cursor = RecordCursor.begin(segment);
  const validator = new Validator();
  const wrong: string[] = [];
  const defects = new Map<string, number>();
  const expectedRules: Partial<Record<RuleCode, number>> = {};
  const occurrences = new Map<string, number>();
  let evaluated = 0;
  let clockMs = 0;
  const evaluate = (record: SimulatedRecord, appendMs: number): void => {
    clockMs = Math.max(clockMs, appendMs);
    const id = idOf(record);
    const occurrence = occurrences.get(id) ?? 0;
    if (resends !== undefined) occurrences.set(id, occurrence + 1);
    const expected = expectedFindings(record.intent, { appendMs: clockMs, occurrence });
    const got = outcomeOf(validator.evaluate(record, clockMs));
    evaluated++;
    for (const code of expected.rules) expectedRules[code] = (expectedRules[code] ?? 0) + 1;
    if (textOf(got) === textOf(expected) || wrong.length >= MAX_WRONG) return;
    const value = record.value?.toString().slice(0, 900) ?? 'tombstone';
    wrong.push(
      `${id} ${record.family} ${record.intent.defect ?? 'good'}, occurrence ${occurrence}: ` +
        `expected ${textOf(expected)}, got ${textOf(got)}: ${value}`,
    );
  };
  const recent: SimulatedRecord[] = [];
  for (let count = 1; count <= records; count++) {
    const record = cursor.next();
    if (record === undefined) break;
    const { intent, emittedMicros } = record;
    if (intent.defect !== null) defects.set(intent.defect, (defects.get(intent.defect) ?? 0) + 1);
    evaluate(record, appendMsOf(emittedMicros));
    if (intent.defect === null && intent.expected !== 'accept') wrong.push(`${idOf(record)} has no defect`);
    if (resends === undefined) continue;
    recent.push(record);
    if (recent.length > resends.records) {
      const [oldest] = recent.splice(0, 1);
      if (oldest !== undefined) occurrences.delete(idOf(oldest));
    }
    if (count % resends.every === 0) {
      for (const again of recent) evaluate(again, appendMsOf(again.emittedMicros) + resends.delayMs);
    }
  }
  return { wrong, evaluated, defects, expectedRules, countedRules: validator.accounting.rules };
}
