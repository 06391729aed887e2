import { type ExpectedOutcome, type LedgerAck, type LedgerIntent, type LedgerLine } from '@orderstream/contracts';

/** The ledger's entry of one record. */
export interface LedgerEntry {
  readonly seq: number;
  readonly topic: string;
  readonly partition: number;
  /** Sha256 hex of the value's bytes. */
  readonly sha256: string;
  readonly defect: string | null;
  readonly expected: ExpectedOutcome;
  /** The offset from the broker's acknowledgement; undefined without one. */
  readonly ackedOffset: number | undefined;
}

const NOT_ACKED = -1;
const ABSENT = -1;
const SHA_BYTES = 32;
const FIRST_CAPACITY = 1_024;

/**
 * The intents and acks of a run by sequence number. Takes 48 bytes a record, so that millions of records fit in memory.
 * Intents must be added before their acks, in the order of the ledger.
 */
export class RunLedger {
  private readonly names: string[] = [];
  private readonly numberOf = new Map<string, number>();
  private readonly openBatches = new Map<string, readonly LedgerIntent[]>();
  private capacity = 0;
  private firstSeq = -1;
  private topics = new Int16Array(0);
  private partitions = new Int16Array(0);
  private expected = new Int16Array(0);
  private defects = new Int16Array(0);
  private offsets = new Float64Array(0);
  private hashes = Buffer.alloc(0);
  private count = 0;
  private ackCount = 0;

  get intents(): number {
    return this.count;
  }

  get acked(): number {
    return this.ackCount;
  }

  add(line: LedgerLine): void {
    if (line.kind === 'intents') {
      for (const intent of line.intents) this.addIntent(intent);
      this.openBatches.set(`${line.run}/${String(line.batch)}`, line.intents);
    } else if (line.kind === 'acks') {
      const key = `${line.run}/${String(line.batch)}`;
      this.addAcks(this.openBatches.get(key) ?? [], line.acks);
      this.openBatches.delete(key);
    }
  }

  find(seq: number): LedgerEntry | undefined {
    const index = seq - this.firstSeq;
    const topic = this.topics[index];
    if (topic === undefined || topic === ABSENT) return undefined;
    const offset = this.offsets[index] ?? NOT_ACKED;
    return {
      seq,
      topic: this.name(topic),
      partition: this.partitions[index] ?? 0,
      sha256: this.hashes.toString('hex', index * SHA_BYTES, (index + 1) * SHA_BYTES),
      defect: this.defects[index] === ABSENT ? null : this.name(this.defects[index] ?? 0),
      expected: this.name(this.expected[index] ?? 0) as ExpectedOutcome,
      ackedOffset: offset === NOT_ACKED ? undefined : offset,
    };
  }

  *entries(): Generator<LedgerEntry> {
    for (let index = 0; index < this.capacity; index++) {
      const entry = this.find(this.firstSeq + index);
      if (entry !== undefined) yield entry;
    }
  }

  private addIntent(intent: LedgerIntent): void {
    if (this.firstSeq === -1) this.firstSeq = intent.seq;
    const index = intent.seq - this.firstSeq;
    if (index < 0)
      throw new RangeError(`ledger-seq ${String(intent.seq)} is below the first of the run, ${String(this.firstSeq)}`);
    this.reserve(index + 1);
    if (this.topics[index] === ABSENT) this.count++;
    this.topics[index] = this.number(intent.topic);
    this.partitions[index] = intent.partition;
    this.expected[index] = this.number(intent.expected);
    this.defects[index] = intent.defect === null ? ABSENT : this.number(intent.defect);
    this.hashes.write(intent.sha256, index * SHA_BYTES, SHA_BYTES, 'hex');
  }

  /** An ack covers the next `count` intents of its partition, in their order, at consecutive offsets. */
  private addAcks(intents: readonly LedgerIntent[], acks: readonly LedgerAck[]): void {
    const waiting = new Map<string, LedgerIntent[]>();
    for (const intent of intents) {
      const key = `${intent.topic}/${String(intent.partition)}`;
      const list = waiting.get(key);
      if (list === undefined) waiting.set(key, [intent]);
      else list.push(intent);
    }
    for (const { topic, partition, baseOffset, count } of acks) {
      const covered = waiting.get(`${topic}/${String(partition)}`)?.splice(0, count) ?? [];
      covered.forEach((intent, i) => {
        const index = intent.seq - this.firstSeq;
        if (this.offsets[index] === NOT_ACKED) this.ackCount++;
        this.offsets[index] = baseOffset + i;
      });
    }
  }

  private reserve(needed: number): void {
    if (needed <= this.capacity) return;
    const capacity = Math.max(needed, this.capacity * 2, FIRST_CAPACITY);
    const grow = (old: Int16Array): Int16Array<ArrayBuffer> => {
      const grown = new Int16Array(capacity).fill(ABSENT);
      grown.set(old);
      return grown;
    };
    this.topics = grow(this.topics);
    this.partitions = grow(this.partitions);
    this.expected = grow(this.expected);
    this.defects = grow(this.defects);
    const offsets = new Float64Array(capacity).fill(NOT_ACKED);
    offsets.set(this.offsets);
    this.offsets = offsets;
    const hashes = Buffer.alloc(capacity * SHA_BYTES);
    this.hashes.copy(hashes);
    this.hashes = hashes;
    this.capacity = capacity;
  }

  private number(name: string): number {
    const known = this.numberOf.get(name);
    if (known !== undefined) return known;
    this.numberOf.set(name, this.names.length);
    return this.names.push(name) - 1;
  }

  private name(number: number): string {
    const name = this.names[number];
    if (name === undefined) throw new RangeError(`no name with number ${String(number)}`);
    return name;
  }
}
