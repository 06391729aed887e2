import { type ExpectedOutcome } from '@orderstream/contracts';
import { type Accounts, type Counters, type Verdicts } from './accounts';
import { compareLetters, type LetterEvidence, LETTERS_TABLE } from './compare-letters';
import { TableComparison } from './compare-tables';
import { Differences } from './differences';
import { type ExpectedRecord, type ExpectedRecords, findingsOn } from './expected-records';
import { linkOf, type PartitionEvidence, type RawRecord, type ValidatedRecord } from './evidence';
import { groupBy } from './group-by';
import { PassedOverComparison } from './passed-over';
import { describePlanted, type PlantedRecord, PlantedRecords } from './planted-records';

export interface ComparisonOptions {
  /** Rows of this run may be rejected, and are then in the sink's dead letters instead of the table. */
  readonly rejectionsExpected?: boolean;
  /** Records that are not of this run and whose verdict is known. */
  readonly planted?: PlantedRecords;
  /**
   * The journal has everything that was ever written to these topics: a record with a simulation-id that is not of this run
   * is unexplained. Otherwise it may be of an earlier run.
   */
  readonly isWholeJournal?: boolean;
}

/** A raw record with its outputs. */
interface Outcome {
  readonly raw: RawRecord;
  /** Undefined: the record is not of this run. */
  readonly entry: ExpectedRecord | undefined;
  /** The verdict that it must get; undefined if it is not of this run. */
  readonly expected: ExpectedOutcome | undefined;
  readonly validated: readonly ValidatedRecord[];
  /** Reasons of its dead letters. */
  readonly reasons: readonly string[];
}

/**
 * Compares the computed records with topics and tables, one partition after the other. It uses no counter of a service. Pure: the
 * caller reads the evidence; only counts and examples are stored.
 *
 * A raw and a validated record belong together when simulation-id, event identity and append time are equal; the
 * validated record keeps the append time. Dead letters and rows carry coordinates.
 */
export class Comparison {
  private readonly own: Verdicts = noVerdicts();
  private readonly foreign: Verdicts = noVerdicts();
  private readonly differences = new Differences();
  private readonly tables: TableComparison;
  private readonly passedOver: PassedOverComparison;
  /** How often each record is in the raw topics, by its number. */
  private readonly copies = new Map<number, number>();
  private foreignRecords = 0;
  private letterRows = 0;
  private lostLetters = 0;
  private readonly plantedFound = new Set<PlantedRecord>();
  private readonly planted: PlantedRecords;
  private readonly isWholeJournal: boolean;

  constructor(
    private readonly expected: ExpectedRecords,
    { rejectionsExpected = false, planted = new PlantedRecords(), isWholeJournal = false }: ComparisonOptions = {},
  ) {
    this.tables = new TableComparison(this.differences, rejectionsExpected);
    this.passedOver = new PassedOverComparison(this.differences, planted);
    this.planted = planted;
    this.isWholeJournal = isWholeJournal;
  }

  /** Outcomes of all records, of this run and foreign: the amounts by which the validator's counters must have grown. */
  outcomes(): Counters {
    const total = noVerdicts();
    for (const key of Object.keys(total) as (keyof Verdicts)[]) total[key] = this.own[key] + this.foreign[key];
    return { ...total, passedOver: this.passedOver.rawRecords };
  }

  add(whole: PartitionEvidence): void {
    const evidence = this.passedOver.separate(whole);
    this.foreignRecords += whole.raw.length - evidence.raw.length;
    const ownOffsets = new Set<number>();
    for (const outcome of this.findOutcomes(evidence)) {
      this.checkVerdict(outcome, evidence);
      if (outcome.entry === undefined) continue;
      for (const { offset } of outcome.validated) ownOffsets.add(offset);
    }
    this.tables.add(evidence, ownOffsets);
  }

  /** Compares a partition of a dead-letter topic with its rows. */
  addLetters(evidence: LetterEvidence): void {
    this.lostLetters += compareLetters(this.differences, evidence);
    this.letterRows += evidence.rows.length;
  }

  /** To be called after all partitions were added: an acknowledged record that no partition had is missing. */
  finish(): Accounts {
    let unsent = 0;
    let resent = 0;
    let announced = 0;
    for (const record of this.expected.all()) {
      const copies = this.copies.get(record.seq) ?? 0;
      if (record.isAnnouncement) announced++;
      if (copies === 0 && record.isAcknowledged) {
        const place = `${record.topic}/${String(record.partition)}`;
        this.differences.add('missing', `${record.id} was acknowledged and is not in ${place}`);
      } else if (copies === 0) unsent++;
      else if (copies > 1) resent += copies - 1;
      if (copies > record.maxCopies) {
        const surplus = copies - record.maxCopies;
        const why = `and was sent ${String(record.maxCopies)} times at most`;
        this.differences.add(
          'duplicated',
          `${record.id} is ${String(copies)} times in ${record.topic}, ${why}`,
          surplus,
        );
      }
    }
    for (const record of this.planted.all()) {
      if (this.plantedFound.has(record) || this.passedOver.has(record)) continue;
      this.differences.add('missing', `${describePlanted(record)} was acknowledged and is not in its topic`);
    }
    return {
      generated: this.expected.count,
      announced,
      resent,
      ...this.own,
      unsent,
      planted: this.plantedFound.size,
      passedOver: this.passedOver.records,
      tables: { ...this.tables.tables, [LETTERS_TABLE]: this.letterRows },
      ...this.differences.counts,
      missingBelowCommit: this.tables.missingBelowCommit + this.lostLetters,
      foreign: this.foreignRecords,
      foreignVerdicts: this.foreign,
      redelivered: this.tables.redelivered,
      examples: this.differences.examples,
    };
  }

  /** Finds the outputs of each raw record, and reports outputs that belong to none. */
  private findOutcomes(evidence: PartitionEvidence): Outcome[] {
    const where = rawPartition(evidence);
    const letters = groupBy(evidence.deadLetters, (letter) => letter.sourceOffset);
    const validated = groupBy(evidence.validated, linkOf);
    const indexes = new Map(evidence.validated.map((record, index) => [record.offset, index]));
    let lastIndex = -1;
    const outcomes = evidence.raw.map((raw): Outcome => {
      const { entry, expected } = this.entryOf(raw, evidence);
      const ownLetters = letters.get(raw.offset) ?? [];
      letters.delete(raw.offset);
      if (ownLetters.some((letter) => letter.sha256 !== raw.sha256)) {
        this.differences.add('unexplained', `${where}@${String(raw.offset)}: its dead letter holds other bytes`);
      }
      // Records without a simulation-id may share identity and time; each takes one output, in order.
      const candidates = ownLetters.length > 0 && entry === undefined ? [] : (validated.get(linkOf(raw)) ?? []);
      const outputs = candidates.splice(0, entry === undefined ? 1 : candidates.length);
      const index = outputs[0] === undefined ? undefined : indexes.get(outputs[0].offset);
      if (index !== undefined) {
        if (index < lastIndex) {
          this.differences.add(
            'outOfOrder',
            `${where}@${String(raw.offset)}: its output precedes one of an earlier record`,
          );
        }
        lastIndex = Math.max(lastIndex, index);
      }
      return { raw, entry, expected, validated: outputs, reasons: ownLetters.map((letter) => letter.reason) };
    });
    for (const letter of [...letters.values()].flat()) {
      const source = `${where}@${String(letter.sourceOffset)}`;
      this.differences.add('unexplained', `a dead letter names ${source}, which is not a record of this run's time`);
    }
    const inputs = new Set(evidence.raw.map(linkOf));
    for (const record of [...validated.values()].flat()) {
      const at = `validated record ${evidence.family}/${String(evidence.partition)}@${String(record.offset)}`;
      this.differences.add(
        inputs.has(linkOf(record)) ? 'duplicated' : 'unexplained',
        `${at} (${record.identity}) has no raw record of its own`,
      );
    }
    return outcomes;
  }

  /** The expected record, if id, place and bytes agree, and the verdict that this occurrence of it must get. */
  private entryOf(raw: RawRecord, { rawTopic, partition }: PartitionEvidence): Pick<Outcome, 'entry' | 'expected'> {
    const entry = raw.simulationId === undefined ? undefined : this.expected.find(raw.simulationId);
    if (entry?.topic !== rawTopic || entry.partition !== partition || entry.sha256 !== raw.sha256) {
      return { entry: undefined, expected: undefined };
    }
    const occurrence = this.copies.get(entry.seq) ?? 0;
    this.copies.set(entry.seq, occurrence + 1);
    return { entry, expected: findingsOn(entry, raw, occurrence).outcome };
  }

  private checkVerdict({ raw, entry, expected, validated, reasons }: Outcome, evidence: PartitionEvidence): void {
    const at = `${rawPartition(evidence)}@${String(raw.offset)}`;
    const planted =
      entry === undefined
        ? this.planted.find(evidence.rawTopic, evidence.log, evidence.partition, raw.offset)
        : undefined;
    if (planted === undefined && entry === undefined && raw.simulationId !== undefined && this.isWholeJournal)
      this.addNotInJournal(raw.simulationId, at);
    const [first] = validated;
    const outputs = validated.length + reasons.length;
    const verdicts = entry === undefined ? this.foreign : this.own;
    if (entry === undefined) this.foreignRecords++;
    if (outputs > 1) {
      const places = `${String(validated.length)} times validated, ${String(reasons.length)} times dead-lettered`;
      this.differences.add('duplicated', `${at} is ${places}`, outputs - 1);
    }
    const isRepaired = first !== undefined && first.sha256 !== raw.sha256;
    let got: string;
    if (reasons[0] !== undefined) {
      verdicts.deadLettered++;
      got = `reject:${reasons[0]}`;
    } else if (first !== undefined) {
      verdicts[isRepaired ? 'repaired' : 'accepted']++;
      got = isRepaired ? 'repair' : 'accept';
    } else if (entry === undefined || expected === 'skip') {
      // A foreign record may be a redelivery of an earlier one. Only the validator's own counter can contradict that.
      verdicts.skipped++;
      got = 'skip';
    } else {
      this.differences.add('missing', `${at} (${describe(entry, expected)}) is neither validated nor dead-lettered`);
      return;
    }
    if (planted !== undefined) this.checkPlanted(planted, got);
    if (entry !== undefined && got !== expected) {
      this.differences.add('wrongVerdicts', `${at} (${describe(entry, expected)}) got ${got}`);
    } else if (isRepaired && first.flags.length === 0) {
      this.differences.add('wrongVerdicts', `${at} was repaired without a flag`);
    }
  }

  private addNotInJournal(id: string, at: string): void {
    const record = this.expected.find(id);
    const why =
      record === undefined
        ? 'the journal does not have'
        : `the journal has for another record of ${record.topic}/${String(record.partition)}`;
    this.differences.add('unexplained', `${at} carries simulation-id ${id}, which ${why}`);
  }

  /** A planted record must have the one output that is known. `checkVerdict` reports a second one, as for every record. */
  private checkPlanted(planted: PlantedRecord, got: string): void {
    this.plantedFound.add(planted);
    const expected = planted.reason === undefined ? 'accept' : `reject:${planted.reason}`;
    const name = `${describePlanted(planted)}, expected ${expected},`;
    if (got === 'skip') this.differences.add('missing', `${name} is neither validated nor dead-lettered`);
    else if (got !== expected) this.differences.add('wrongVerdicts', `${name} got ${got}`);
  }
}

const noVerdicts = (): Verdicts => ({ accepted: 0, repaired: 0, skipped: 0, deadLettered: 0 });

const rawPartition = ({ rawTopic, partition }: PartitionEvidence): string => `${rawTopic}/${String(partition)}`;

const describe = ({ id, intent }: ExpectedRecord, expected: ExpectedOutcome | undefined): string =>
  `${id}, ${intent.defect ?? 'no defect'}, expected ${expected ?? intent.expected}`;
