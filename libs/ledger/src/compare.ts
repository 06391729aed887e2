import { type Accounts, type Verdicts } from './accounts';
import { type PartitionEvidence, type RawRecord, type ValidatedRecord } from './evidence';
import { type PlantedRecord, PlantedRecords } from './planted-records';
import { type LedgerEntry, type RunLedger } from './run-ledger';

const MAX_EXAMPLES_OF_A_KIND = 10;

type Trouble = 'missing' | 'duplicated' | 'unexplained' | 'outOfOrder' | 'wrongVerdicts' | 'rejected';

export interface ComparisonOptions {
  /** Rows of this run may be rejected, and are then in the sink's dead letters instead of the table. */
  readonly rejectionsExpected?: boolean;
  /** Records that are not of this run, whose verdict is known all the same. */
  readonly planted?: PlantedRecords;
  /**
   * The ledger is all that was ever written for these topics: a record with a ledger-seq that is not of this run is
   * unexplained. Otherwise it may be of a run before.
   */
  readonly isWholeLedger?: boolean;
}

/** What was found of one raw record. */
interface Outcome {
  readonly raw: RawRecord;
  /** Undefined: the record is not of this run. */
  readonly entry: LedgerEntry | undefined;
  readonly validated: readonly ValidatedRecord[];
  readonly reasons: readonly string[];
}

/**
 * Compares what was meant to be (the ledger) with what is (topics and tables), one partition after the other. Nothing is
 * taken from a service's counters. Pure: it is given all evidence and holds counts only.
 *
 * Raw and validated records are tied by ledger-seq or event identity together with the append time, which the validated
 * record keeps; dead letters and rows carry coordinates.
 */
export class Comparison {
  private readonly own: Verdicts = noVerdicts();
  private readonly foreign: Verdicts = noVerdicts();
  private readonly tables: Record<string, number> = {};
  private readonly troubles: Record<Trouble, number> = {
    missing: 0,
    duplicated: 0,
    unexplained: 0,
    outOfOrder: 0,
    wrongVerdicts: 0,
    rejected: 0,
  };
  private readonly examples: string[] = [];
  private readonly found = new Map<number, number>();
  private foreignRecords = 0;
  private redelivered = 0;
  private missingBelowCommit = 0;
  private readonly plantedFound = new Set<PlantedRecord>();
  private readonly rejectionsExpected: boolean;
  private readonly planted: PlantedRecords;
  private readonly isWholeLedger: boolean;

  constructor(
    private readonly ledger: RunLedger,
    { rejectionsExpected = false, planted = new PlantedRecords(), isWholeLedger = false }: ComparisonOptions = {},
  ) {
    this.rejectionsExpected = rejectionsExpected;
    this.planted = planted;
    this.isWholeLedger = isWholeLedger;
  }

  /** Verdicts on all records, this run's and others': what the validator's own counters must have grown by. */
  verdicts(): Verdicts {
    const total = noVerdicts();
    for (const key of Object.keys(total) as (keyof Verdicts)[]) total[key] = this.own[key] + this.foreign[key];
    return total;
  }

  add(evidence: PartitionEvidence): void {
    const where = `${evidence.rawTopic}/${String(evidence.partition)}`;
    const outcomes = this.tie(evidence, where);
    const ownOffsets = new Set<number>();
    for (const outcome of outcomes) {
      this.evaluate(outcome, evidence, where);
      if (outcome.entry === undefined) continue;
      for (const { offset } of outcome.validated) ownOffsets.add(offset);
    }
    this.compareRows(evidence, ownOffsets, where);
    this.compareStreaming(evidence, ownOffsets, where);
  }

  /** Call after all partitions were added: whatever the ledger knows and no partition had is missing. */
  finish(): Accounts {
    let unsent = 0;
    for (const entry of this.ledger.entries()) {
      const copies = this.found.get(entry.seq) ?? 0;
      const name = `ledger-seq ${String(entry.seq)}`;
      if (copies === 0 && entry.ackedOffset !== undefined) {
        this.trouble('missing', `${name} was acknowledged and is not in ${entry.topic}/${String(entry.partition)}`);
      } else if (copies === 0) unsent++;
      else if (copies > 1) {
        this.trouble('duplicated', `${name} is ${String(copies)} times in ${entry.topic}`, copies - 1);
      }
    }
    for (const record of this.planted.all()) {
      if (this.plantedFound.has(record)) continue;
      this.trouble('missing', `${describePlanted(record)} was acknowledged and is not there`);
    }
    return {
      generated: this.ledger.intents,
      ...this.own,
      unsent,
      planted: this.plantedFound.size,
      tables: this.tables,
      ...this.troubles,
      missingBelowCommit: this.missingBelowCommit,
      foreign: this.foreignRecords,
      foreignVerdicts: this.foreign,
      redelivered: this.redelivered,
      examples: this.examples,
    };
  }

  /** Finds what became of each raw record; reports outputs that belong to none. */
  private tie(evidence: PartitionEvidence, where: string): Outcome[] {
    const reasons = groupBy(evidence.deadLetters, (letter) => letter.sourceOffset);
    const validated = groupBy(evidence.validated, linkOf);
    const positions = new Map(evidence.validated.map((record, position) => [record.offset, position]));
    let lastPosition = -1;
    const outcomes = evidence.raw.map((raw): Outcome => {
      const entry = this.entryOf(raw, evidence);
      const letters = reasons.get(raw.offset) ?? [];
      reasons.delete(raw.offset);
      if (letters.some((letter) => letter.sha256 !== raw.sha256)) {
        this.trouble('unexplained', `${where}@${String(raw.offset)}: its dead letter holds other bytes`);
      }
      // Records without a number of their own may share identity and time; each takes one output, in order.
      const candidates = letters.length > 0 && entry === undefined ? [] : (validated.get(linkOf(raw)) ?? []);
      const taken = candidates.splice(0, entry === undefined ? 1 : candidates.length);
      const position = taken[0] === undefined ? undefined : positions.get(taken[0].offset);
      if (position !== undefined) {
        if (position < lastPosition) {
          this.trouble('outOfOrder', `${where}@${String(raw.offset)} came out before a record that went in earlier`);
        }
        lastPosition = Math.max(lastPosition, position);
      }
      return { raw, entry, validated: taken, reasons: letters.map((letter) => letter.reason) };
    });
    for (const letters of reasons.values()) {
      for (const letter of letters) {
        const offset = String(letter.sourceOffset);
        this.trouble('unexplained', `a dead letter names ${where}@${offset}, where nothing of this time lies`);
      }
    }
    const inputs = new Set(evidence.raw.map(linkOf));
    for (const records of validated.values()) {
      for (const record of records) {
        const at = `validated record ${evidence.family}/${String(evidence.partition)}@${String(record.offset)}`;
        this.trouble(
          inputs.has(linkOf(record)) ? 'duplicated' : 'unexplained',
          `${at} (${record.identity}) has no raw record of its own`,
        );
      }
    }
    return outcomes;
  }

  /** The ledger's entry of a record, if it really is that one: same number, same place, same bytes. */
  private entryOf(raw: RawRecord, { rawTopic, partition }: PartitionEvidence): LedgerEntry | undefined {
    const entry = raw.seq === undefined ? undefined : this.ledger.find(raw.seq);
    if (entry?.topic !== rawTopic || entry.partition !== partition || entry.sha256 !== raw.sha256) return undefined;
    this.found.set(entry.seq, (this.found.get(entry.seq) ?? 0) + 1);
    return entry;
  }

  private evaluate({ raw, entry, validated, reasons }: Outcome, evidence: PartitionEvidence, where: string): void {
    const at = `${where}@${String(raw.offset)}`;
    const planted =
      entry === undefined ? this.planted.find(evidence.rawTopic, evidence.partition, raw.offset) : undefined;
    if (planted !== undefined) this.evaluatePlanted(planted, validated.length, reasons);
    else if (entry === undefined && raw.seq !== undefined && this.isWholeLedger) this.notInLedger(raw.seq, at);
    const [first] = validated;
    const outputs = validated.length + reasons.length;
    const verdicts = entry === undefined ? this.foreign : this.own;
    if (entry === undefined) this.foreignRecords++;
    if (outputs > 1) {
      const places = `${String(validated.length)} times validated, ${String(reasons.length)} times dead-lettered`;
      this.trouble('duplicated', `${at} is ${places}`, outputs - 1);
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
      // A record of others may be a redelivery of something from before; the validator's own count is the check on it.
      verdicts.skipped++;
      got = 'skip';
    } else {
      this.trouble('missing', `${at} (${describe(entry)}) is neither validated nor dead-lettered`);
      return;
    }
    if (entry !== undefined && got !== entry.expected) {
      this.trouble('wrongVerdicts', `${at} (${describe(entry)}) got ${got}`);
    } else if (isRepaired && first.flags.length === 0) {
      this.trouble('wrongVerdicts', `${at} was rewritten without a flag that says why`);
    }
  }

  private notInLedger(seq: number, at: string): void {
    const meant = this.ledger.find(seq);
    const what =
      meant === undefined
        ? 'the ledger has no such number'
        : `the ledger means another record by it, for ${meant.topic}/${String(meant.partition)}`;
    this.trouble('unexplained', `${at} says that it is ledger-seq ${String(seq)}: ${what}`);
  }

  /** A planted record is one dead letter, for its reason; that it is no more than one holds for every record. */
  private evaluatePlanted(planted: PlantedRecord, validated: number, reasons: readonly string[]): void {
    this.plantedFound.add(planted);
    if (validated > 0) this.trouble('wrongVerdicts', `${describePlanted(planted)} was validated`);
    if (reasons[0] === undefined) this.trouble('missing', `${describePlanted(planted)} is not dead-lettered`);
    else if (reasons[0] !== planted.reason) {
      this.trouble(
        'wrongVerdicts',
        `${describePlanted(planted)} got reject:${reasons[0]} instead of ${planted.reason}`,
      );
    }
  }

  /** Every validated record is one row of its table, at its own coordinates. */
  private compareRows(evidence: PartitionEvidence, ownOffsets: ReadonlySet<number>, where: string): void {
    const { table } = evidence;
    const rows = groupBy(evidence.rows, (row) => row.offset);
    const rejected = new Set(evidence.rejectedBySink);
    const repeated = evidence.rejectedBySink.length - rejected.size;
    if (repeated > 0) this.trouble('duplicated', `${where}: rows rejected more than once`, repeated);
    let own = 0;
    for (const { offset, eventId } of evidence.validated) {
      const found = rows.get(offset) ?? [];
      rows.delete(offset);
      if (ownOffsets.has(offset)) own += found.length;
      const at = `${table}: validated ${evidence.family}/${String(evidence.partition)}@${String(offset)} (${eventId})`;
      if (rejected.has(offset)) this.trouble('rejected', `${at} is in the sink's dead letters`);
      const wanted = rejected.has(offset) && (this.rejectionsExpected || !ownOffsets.has(offset)) ? 0 : 1;
      if (found.length < wanted) {
        this.trouble('missing', `${at} has no row`);
        if (offset < evidence.settled) this.missingBelowCommit++;
      }
      if (found.length > wanted) {
        this.trouble('duplicated', `${at} has ${String(found.length)} rows`, found.length - wanted);
      }
      if (found.some((row) => row.eventId !== eventId)) this.trouble('unexplained', `${at} has a row of another event`);
    }
    for (const [offset, found] of rows) {
      this.trouble(
        'unexplained',
        `${table} has a row of ${where}, validated@${String(offset)}: no record`,
        found.length,
      );
    }
    this.tables[table] = (this.tables[table] ?? 0) + own;
  }

  /** Every validated order is at least once in streaming_orders. */
  private compareStreaming(evidence: PartitionEvidence, ownOffsets: ReadonlySet<number>, where: string): void {
    if (evidence.streaming === undefined) return;
    const table = 'streaming_orders';
    const deliveries = new Map(evidence.streaming.deliveries);
    const rejected = new Set(evidence.streaming.rejected);
    let own = 0;
    for (const { offset, eventId } of evidence.validated) {
      const count = deliveries.get(offset) ?? 0;
      deliveries.delete(offset);
      const isOwn = ownOffsets.has(offset);
      if (isOwn && count > 0) own++;
      const at = `${table}: validated ${evidence.family}/${String(evidence.partition)}@${String(offset)} (${eventId})`;
      if (rejected.has(offset)) this.trouble('rejected', `${at} is in the bridge's dead letters`);
      if (count === 0 && (isOwn || !rejected.has(offset))) this.trouble('missing', `${at} was not delivered`);
      if (count > 1) this.redelivered += count - 1;
    }
    for (const [offset, count] of deliveries) {
      this.trouble('unexplained', `${table} has a row of ${where}, validated@${String(offset)}: no record`, count);
    }
    this.tables[table] = (this.tables[table] ?? 0) + own;
  }

  private trouble(kind: Trouble, text: string, count = 1): void {
    const before = this.troubles[kind];
    this.troubles[kind] += count;
    if (before < MAX_EXAMPLES_OF_A_KIND) this.examples.push(`${kind}: ${text}`);
  }
}

const noVerdicts = (): Verdicts => ({ accepted: 0, repaired: 0, skipped: 0, deadLettered: 0 });

const describe = ({ seq, defect, expected }: LedgerEntry): string =>
  `ledger-seq ${String(seq)}, ${defect ?? 'no defect'}, expected ${expected}`;

const describePlanted = ({ topic, partition, offset, kind }: PlantedRecord): string =>
  `${topic}/${String(partition)}@${String(offset)} (planted, ${kind})`;

/** What a raw record and the validated record that came of it have in common, and no other has. */
function linkOf({ seq, identity, timestamp }: RawRecord): string {
  return `${seq === undefined ? '' : String(seq)}\u0000${identity}\u0000${String(timestamp)}`;
}

function groupBy<T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
