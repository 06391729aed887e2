import {
  type ExpectedOutcome,
  FAMILIES,
  type Family,
  PARTITIONS,
  RULE_CODES,
  type RuleCode,
} from '@orderstream/contracts';
import { type Findings, Score, type ScoreReport } from '@orderstream/simulation';
import { type Kafka } from 'kafkajs';
import { linkOf, type RawRecord } from './evidence';
import { type ExpectedRecords, findingsOn } from './expected-records';
import { groupBy } from './group-by';
import { computeRecordsSince, eventsSince } from './read-journal';
import { ofRecords, readVerdicts, type VerdictRecords } from './read-records';
import { type GeneratorProgress, type ValidatorProgress } from './service-progress';
import { takeVerdictOffsets } from './snapshot';
import { waitUntilValidated } from './validated';

export interface ScoredRunOptions {
  readonly kafka: Kafka;
  readonly generator: () => Promise<GeneratorProgress>;
  readonly validator: () => Promise<ValidatorProgress>;
  /** Directory of the generator's journal. */
  readonly ledgerFolder: string;
  readonly signal: AbortSignal;
}

const NONE: readonly number[] = Array.from({ length: PARTITIONS }, () => 0);
const FROM_THE_BEGINNING = { committed: NONE, validated: NONE, deadLetters: NONE };

/**
 * Waits until the generator has sent its events and the validator has processed them, and compares what the rules found in
 * each record with what was injected. Topics and journal must have been empty before the run.
 *
 * @throws NoProgressError
 */
export async function scoreRun(options: ScoredRunOptions, events: number): Promise<ScoreReport> {
  const { kafka, validator, ledgerFolder, signal } = options;
  const admin = kafka.admin();
  await admin.connect();
  try {
    await waitUntilValidated({ ...options, admin }, 0, events);
    const score = new ScoredRecords(computeRecordsSince(ledgerFolder, 0));
    for (const family of FAMILIES) {
      const until = await takeVerdictOffsets({ kafka, admin, signal }, family);
      for (let partition = 0; partition < PARTITIONS; partition++) {
        signal.throwIfAborted();
        score.add(await readVerdicts(kafka, family, partition, FROM_THE_BEGINNING, until));
      }
    }
    return score.report(eventsSince(ledgerFolder, 0), (await validator()).accounting);
  } finally {
    await admin.disconnect();
  }
}

/** Adds the records of the topics to a score. Pure. */
export class ScoredRecords {
  private readonly score = new Score();
  /** How often each record is in the raw topics, by its number. */
  private readonly copies = new Map<number, number>();
  private unknown = 0;

  constructor(private readonly expected: ExpectedRecords) {}

  /** Adds one partition as a whole. */
  add({ raw, validated, letters }: VerdictRecords): void {
    const lettersOf = groupBy(ofRecords(letters), ({ sourceOffset }) => sourceOffset);
    const validatedOf = groupBy(validated, linkOf);
    for (const record of raw) {
      const expected = this.expectedOf(record);
      if (expected === undefined) {
        this.unknown++;
        continue;
      }
      const letter = lettersOf.get(record.offset)?.[0];
      const output = validatedOf.get(linkOf(record))?.shift();
      this.score.add(expected, gotOf(record, letter, output, expected));
    }
  }

  /** @throws Error if the topics hold records that the journal does not have: they are not of the run */
  report(events: number, accounting: ValidatorProgress['accounting']): ScoreReport {
    if (this.unknown > 0) throw new Error(`${String(this.unknown)} records of the raw topics are not in the journal`);
    return this.score.report(events, sumOf(accounting));
  }

  private expectedOf(raw: RawRecord): Findings | undefined {
    const entry = raw.simulationId === undefined ? undefined : this.expected.find(raw.simulationId);
    if (entry === undefined) return undefined;
    const occurrence = this.copies.get(entry.seq) ?? 0;
    this.copies.set(entry.seq, occurrence + 1);
    return findingsOn(entry, raw, occurrence);
  }
}

/** A skipped record has no output: one without any counts as skipped if it is to be skipped, and as missing otherwise. */
function gotOf(
  raw: RawRecord,
  letter: { readonly reason: string; readonly rules: readonly string[] } | undefined,
  output: { readonly sha256: string; readonly flags: readonly string[] } | undefined,
  expected: Findings,
): Findings | undefined {
  if (letter !== undefined) {
    return { outcome: `reject:${letter.reason}` as ExpectedOutcome, rules: ruleCodes(letter.rules) };
  }
  if (output !== undefined) {
    return { outcome: output.sha256 === raw.sha256 ? 'accept' : 'repair', rules: ruleCodes(output.flags) };
  }
  return expected.outcome === 'skip' ? expected : undefined;
}

const isRuleCode = (code: string): code is RuleCode => RULE_CODES.includes(code as RuleCode);
const ruleCodes = (codes: readonly string[]): readonly RuleCode[] => codes.filter(isRuleCode);

function sumOf(accounting: ValidatorProgress['accounting']): ValidatorProgress['accounting'][Family] {
  const total = { input: 0, accepted: 0, repaired: 0, skipped: 0, deadLettered: 0, passedOver: 0, flagged: 0 };
  for (const counters of Object.values(accounting)) {
    for (const name of Object.keys(total) as (keyof typeof total)[]) total[name] += counters[name];
  }
  return total;
}
