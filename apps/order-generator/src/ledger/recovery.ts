import { type Family, type LedgerIntent, type LedgerLine } from '@orderstream/contracts';
import { type MarketplaceIdentity } from '../simulation/marketplace';
import { valueHash } from '../simulation/record';
import { type Sequence } from '../simulation/sequence';
import { type Checkpoint } from './checkpoint';
import { listLedgerFiles, readLedgerFile } from './ledger-files';
import { type RecordedSegment } from './schedule-log';

export interface Recovered {
  /** The sequence after the last intent; undefined if it cannot continue and a new marketplace has to start. */
  readonly sequence: Sequence | undefined;
  /** The sequence number after the last intent of the ledger. */
  readonly nextSeq: number;
  /** The first record whose outcome is unknown; undefined if there is none. */
  readonly unknownFrom: number | undefined;
  /** Why the sequence cannot continue. */
  readonly restartReason?: string;
}

export type BuildSequence = (
  identity: MarketplaceIdentity,
  start: { readonly seq: number; readonly notBeforeMs: number },
) => Sequence;

/**
 * Generates the records from the checkpoint to the last intent again, without sending them, and compares each with its
 * intent. Costs as much as generating the records since the checkpoint.
 */
export function recover(
  directory: string,
  checkpoint: Checkpoint | undefined,
  segments: readonly RecordedSegment[],
  build: BuildSequence,
  topicOf: (family: Family) => string,
): Recovered {
  const files = listLedgerFiles(directory).map(({ name }) => name);
  if (checkpoint === undefined) {
    const nextSeq = endOfIntents(directory, files);
    const reason = nextSeq === 0 ? {} : { restartReason: 'the ledger has no checkpoint of this version' };
    return { sequence: undefined, nextSeq, unknownFrom: undefined, ...reason };
  }
  const replay = new Replay(checkpoint, segments, build, topicOf);
  for (const name of files) {
    if (name < checkpoint.ledgerFile) continue;
    for (const line of readLedgerFile(directory, name)) replay.apply(line);
  }
  return replay.finish();
}

/** Reads from the last file backwards. Only files of the last run can be without an intent. */
function endOfIntents(directory: string, files: readonly string[]): number {
  for (const name of files.toReversed()) {
    let next = 0;
    for (const line of readLedgerFile(directory, name)) {
      if (line.kind === 'run') next = Math.max(next, line.firstSeq);
      else if (line.kind === 'intents') next = Math.max(next, (line.intents.at(-1)?.seq ?? -1) + 1);
    }
    if (next > 0) return next;
  }
  return 0;
}

class Replay {
  private sequence: Sequence;
  private begunSegments: number;
  private nextSeq: number;
  private restartReason: string | undefined;
  /** By run and batch: its first record, and how many of its records are not acknowledged. */
  private readonly batches = new Map<string, { readonly firstSeq: number; unacked: number }>();

  constructor(
    private readonly checkpoint: Checkpoint,
    private readonly segments: readonly RecordedSegment[],
    private readonly build: BuildSequence,
    private readonly topicOf: (family: Family) => string,
  ) {
    this.sequence = build(checkpoint.identity, { seq: 0, notBeforeMs: 0 });
    this.sequence.restore(checkpoint.sequence);
    this.begunSegments = checkpoint.segments;
    this.nextSeq = checkpoint.sequence.nextSeq;
  }

  apply(line: LedgerLine): void {
    if (line.kind === 'acks') {
      const batch = this.batches.get(`${line.run}/${line.batch.toString()}`);
      if (batch !== undefined) for (const { count } of line.acks) batch.unacked -= count;
    } else if (line.kind === 'intents') {
      const intents = line.intents.filter(({ seq }) => seq >= this.checkpoint.sequence.nextSeq);
      const [first] = intents;
      if (first === undefined) return;
      this.beginSegments(first.seq);
      this.batches.set(`${line.run}/${line.batch.toString()}`, { firstSeq: first.seq, unacked: intents.length });
      for (const intent of intents) this.replayIntent(intent);
    }
  }

  finish(): Recovered {
    this.beginSegments(this.nextSeq);
    const { restartReason, nextSeq } = this;
    if (restartReason !== undefined) return { sequence: undefined, nextSeq, unknownFrom: undefined, restartReason };
    const unknown = [...this.batches.values()].filter(({ unacked }) => unacked > 0);
    const unknownFrom = unknown.length === 0 ? undefined : Math.min(...unknown.map(({ firstSeq }) => firstSeq));
    return { sequence: this.sequence, nextSeq, unknownFrom };
  }

  /** Begins every further segment whose first record is at or before this one. */
  private beginSegments(seq: number): void {
    for (let segment = this.segments[this.begunSegments]; segment !== undefined && segment.firstSeq <= seq;) {
      this.begunSegments++;
      this.begin(segment);
      segment = this.segments[this.begunSegments];
    }
  }

  private begin({ identity, ...segment }: RecordedSegment): void {
    if (identity.marketplaceId !== this.sequence.identity.marketplaceId) {
      this.sequence = this.build(identity, { seq: segment.firstSeq, notBeforeMs: this.sequence.lastMs });
      this.restartReason = undefined;
    }
    if (this.restartReason === undefined) {
      if (segment.firstSeq === this.sequence.nextSeq) this.sequence.begin(segment);
      else {
        const [begins, ends] = [segment.firstSeq.toString(), this.sequence.nextSeq.toString()];
        this.restartReason = `a segment begins at ledger-seq ${begins}, but the ledger continues at ${ends}`;
      }
    }
    // Earlier batches need no further acks: the segment leaves them out, or they belong to another marketplace.
    if (segment.unknownFrom !== undefined || this.restartReason !== undefined) this.batches.clear();
  }

  private replayIntent(intent: LedgerIntent): void {
    this.nextSeq = intent.seq + 1;
    if (this.restartReason !== undefined) return;
    if (this.sequence.nextSeq !== intent.seq) {
      const [found, expected] = [intent.seq.toString(), this.sequence.nextSeq.toString()];
      this.restartReason = `the ledger continues at ledger-seq ${found} instead of ${expected}`;
      return;
    }
    const record = this.sequence.next();
    const isSame =
      valueHash(record) === intent.sha256 &&
      record.partition === intent.partition &&
      this.topicOf(record.family) === intent.topic;
    if (!isSame) this.restartReason = `record ${intent.seq.toString()} differs from the one that was sent`;
  }
}
