import { type Accounts, type Counters, type Verdicts } from './accounts';
import { TableComparison } from './compare-tables';
import { Differences } from './differences';
import { type PartitionEvidence, type RawRecord, type ValidatedRecord } from './evidence';
import { groupBy } from './group-by';
import { PassedOverComparison } from './passed-over';
import { describePlanted, type PlantedRecord, PlantedRecords } from './planted-records';
import { type LedgerEntry, type RunLedger } from './run-ledger';

export interface ComparisonOptions {
  /** Rows of this run may be rejected, and are then in the sink's dead letters instead of the table. */
  readonly rejectionsExpected?: boolean;
  /** Records that are not of this run and whose verdict is known. */
  readonly planted?: PlantedRecords;
  /**
   * The ledger holds everything that was ever written to these topics: a record with a ledger-seq that is not of this run
   * is unexplained. Otherwise it may be of an earlier run.
   */
  readonly isWholeLedger?: boolean;
}

/** A raw record with its outputs. */
interface Outcome {
  readonly raw: RawRecord;
  /** Undefined: the record is not of this run. */
  readonly entry: LedgerEntry | undefined;
  readonly validated: readonly ValidatedRecord[];
  /** Reasons of its dead letters. */
  readonly reasons: readonly string[];
}

/**
 * Compares the ledger with topics and tables, one partition after the other. It uses no counter of a service. Pure: the
 * caller reads the evidence; only counts and examples are stored.
 *
 * A raw and a validated record belong together when ledger-seq or event identity and the append time are equal; the
 * validated record keeps the append time. Dead letters and rows carry coordinates.
 */
export class Comparison {
  private readonly own: Verdicts = noVerdicts();
  private readonly foreign: Verdicts = noVerdicts();
  private readonly differences = new Differences();
  private readonly tables: TableComparison;
  private readonly passedOver: PassedOverComparison;
  /** Number of copies in the raw topics by ledger-seq. */
  private readonly copies = new Map<number, number>();
  private foreignRecords = 0;
  private readonly plantedFound = new Set<PlantedRecord>();
  private readonly planted: PlantedRecords;
  private readonly isWholeLedger: boolean;

  constructor(
    private readonly ledger: RunLedger,
    { rejectionsExpected = false, planted = new PlantedRecords(), isWholeLedger = false }: ComparisonOptions = {},
  ) {
    this.tables = new TableComparison(this.differences, rejectionsExpected);
    this.passedOver = new PassedOverComparison(this.differences, planted);
    this.planted = planted;
    this.isWholeLedger = isWholeLedger;
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

  /** To be called after all partitions were added: an acknowledged record that no partition had is missing. */
  finish(): Accounts {
    let unsent = 0;
    for (const entry of this.ledger.entries()) {
      const copies = this.copies.get(entry.seq) ?? 0;
      const name = `ledger-seq ${String(entry.seq)}`;
      if (copies === 0 && entry.ackedOffset !== undefined) {
        const place = `${entry.topic}/${String(entry.partition)}`;
        this.differences.add('missing', `${name} was acknowledged and is not in ${place}`);
      } else if (copies === 0) unsent++;
      else if (copies > 1) {
        this.differences.add('duplicated', `${name} is ${String(copies)} times in ${entry.topic}`, copies - 1);
      }
    }
    for (const record of this.planted.all()) {
      if (this.plantedFound.has(record) || this.passedOver.has(record)) continue;
      this.differences.add('missing', `${describePlanted(record)} was acknowledged and is not in its topic`);
    }
    return {
      generated: this.ledger.intents,
      ...this.own,
      unsent,
      planted: this.plantedFound.size,
      passedOver: this.passedOver.records,
      tables: this.tables.tables,
      ...this.differences.counts,
      missingBelowCommit: this.tables.missingBelowCommit,
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
      const entry = this.entryOf(raw, evidence);
      const ownLetters = letters.get(raw.offset) ?? [];
      letters.delete(raw.offset);
      if (ownLetters.some((letter) => letter.sha256 !== raw.sha256)) {
        this.differences.add('unexplained', `${where}@${String(raw.offset)}: its dead letter holds other bytes`);
      }
      // Records without a ledger-seq may share identity and time; each takes one output, in order.
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
      return { raw, entry, validated: outputs, reasons: ownLetters.map((letter) => letter.reason) };
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

  /** The ledger's entry of a record, if number, place and bytes agree. */
  private entryOf(raw: RawRecord, { rawTopic, partition }: PartitionEvidence): LedgerEntry | undefined {
    const entry = raw.seq === undefined ? undefined : this.ledger.find(raw.seq);
    if (entry?.topic !== rawTopic || entry.partition !== partition || entry.sha256 !== raw.sha256) return undefined;
    this.copies.set(entry.seq, (this.copies.get(entry.seq) ?? 0) + 1);
    return entry;
  }

  private checkVerdict({ raw, entry, validated, reasons }: Outcome, evidence: PartitionEvidence): void {
    const at = `${rawPartition(evidence)}@${String(raw.offset)}`;
    const planted =
      entry === undefined
        ? this.planted.find(evidence.rawTopic, evidence.log, evidence.partition, raw.offset)
        : undefined;
    if (planted === undefined && entry === undefined && raw.seq !== undefined && this.isWholeLedger)
      this.addNotInLedger(raw.seq, at);
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
    } else if (entry === undefined || entry.expected === 'skip') {
      // A foreign record may be a redelivery of an earlier one. Only the validator's own counter can contradict that.
      verdicts.skipped++;
      got = 'skip';
    } else {
      this.differences.add('missing', `${at} (${describe(entry)}) is neither validated nor dead-lettered`);
      return;
    }
    if (planted !== undefined) this.checkPlanted(planted, got);
    if (entry !== undefined && got !== entry.expected) {
      this.differences.add('wrongVerdicts', `${at} (${describe(entry)}) got ${got}`);
    } else if (isRepaired && first.flags.length === 0) {
      this.differences.add('wrongVerdicts', `${at} was repaired without a flag`);
    }
  }

  private addNotInLedger(seq: number, at: string): void {
    const entry = this.ledger.find(seq);
    const why =
      entry === undefined
        ? 'the ledger does not have'
        : `the ledger has for another record of ${entry.topic}/${String(entry.partition)}`;
    this.differences.add('unexplained', `${at} carries ledger-seq ${String(seq)}, which ${why}`);
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

const describe = ({ seq, defect, expected }: LedgerEntry): string =>
  `ledger-seq ${String(seq)}, ${defect ?? 'no defect'}, expected ${expected}`;

/** Equal for a raw record and its validated record, different for any two other records with a ledger-seq. */
function linkOf({ seq, identity, timestamp }: RawRecord): string {
  return `${seq === undefined ? '' : String(seq)}\u0000${identity}\u0000${String(timestamp)}`;
}
