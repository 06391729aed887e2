import { type Family, type LedgerIntent, type LedgerLine } from '@orderstream/contracts';
import { type MarketplaceIdentity } from '../simulation/marketplace';
import { valueHash } from '../simulation/record';
import { type Sequence } from '../simulation/sequence';
import { type Checkpoint } from './checkpoint';
import { type RecordedEpoch } from './epoch-log';
import { listSegments, readSegment } from './segments';

/** Where a directory's story stands. */
export interface Recovered {
  /** Behind the last intent; undefined if the story cannot be gone on with and another has to begin. */
  readonly sequence: Sequence | undefined;
  /** Behind the last intent that was ever written. */
  readonly nextSeq: number;
  /** The first record that may have arrived or not; undefined if there is none. */
  readonly doubtFrom: number | undefined;
  /** Why the story cannot be gone on with. */
  readonly broken?: string;
}

export type BuildSequence = (
  identity: MarketplaceIdentity,
  start: { readonly seq: number; readonly notBeforeMs: number },
) => Sequence;

/**
 * Tells the story again, silently, from the checkpoint to the last intent, and holds it against what the ledger says.
 * Costs as much as making the records since the checkpoint.
 */
export function recover(
  directory: string,
  checkpoint: Checkpoint | undefined,
  epochs: readonly RecordedEpoch[],
  build: BuildSequence,
  topicOf: (family: Family) => string,
): Recovered {
  const segments = listSegments(directory).map(({ name }) => name);
  if (checkpoint === undefined) {
    const nextSeq = endOfIntents(directory, segments);
    const broken = nextSeq === 0 ? {} : { broken: 'there is no checkpoint that this version can read' };
    return { sequence: undefined, nextSeq, doubtFrom: undefined, ...broken };
  }
  const replay = new Replay(checkpoint, epochs, build, topicOf);
  for (const name of segments) {
    if (name < checkpoint.segment) continue;
    for (const line of readSegment(directory, name)) replay.take(line);
  }
  return replay.finish();
}

/** Looks from the end: only the last run's segment may be without an intent. */
function endOfIntents(directory: string, segments: readonly string[]): number {
  for (const name of segments.toReversed()) {
    let next = 0;
    for (const line of readSegment(directory, name)) {
      if (line.kind === 'run') next = Math.max(next, line.firstSeq);
      else if (line.kind === 'intents') next = Math.max(next, (line.intents.at(-1)?.seq ?? -1) + 1);
    }
    if (next > 0) return next;
  }
  return 0;
}

class Replay {
  private sequence: Sequence;
  private applied: number;
  private nextSeq: number;
  private broken: string | undefined;
  /** By run and batch: its first record, and how many of its records are not acknowledged. */
  private readonly open = new Map<string, { readonly firstSeq: number; missing: number }>();

  constructor(
    private readonly checkpoint: Checkpoint,
    private readonly epochs: readonly RecordedEpoch[],
    private readonly build: BuildSequence,
    private readonly topicOf: (family: Family) => string,
  ) {
    this.sequence = build(checkpoint.identity, { seq: 0, notBeforeMs: 0 });
    this.sequence.restore(checkpoint.sequence);
    this.applied = checkpoint.epochs;
    this.nextSeq = checkpoint.sequence.nextSeq;
  }

  take(line: LedgerLine): void {
    if (line.kind === 'acks') {
      const batch = this.open.get(`${line.run}/${line.batch.toString()}`);
      if (batch !== undefined) for (const { count } of line.acks) batch.missing -= count;
    } else if (line.kind === 'intents') {
      const intents = line.intents.filter(({ seq }) => seq >= this.checkpoint.sequence.nextSeq);
      const [first] = intents;
      if (first === undefined) return;
      this.beginEpochs(first.seq);
      this.open.set(`${line.run}/${line.batch.toString()}`, { firstSeq: first.seq, missing: intents.length });
      for (const intent of intents) this.tellAgain(intent);
    }
  }

  finish(): Recovered {
    this.beginEpochs(this.nextSeq);
    const doubtful = [...this.open.values()].filter(({ missing }) => missing > 0);
    const doubtFrom = doubtful.length === 0 ? undefined : Math.min(...doubtful.map(({ firstSeq }) => firstSeq));
    if (this.broken !== undefined) {
      return { sequence: undefined, nextSeq: this.nextSeq, doubtFrom: undefined, broken: this.broken };
    }
    return { sequence: this.sequence, nextSeq: this.nextSeq, doubtFrom };
  }

  /** Begins every epoch up to this record that has not begun yet. */
  private beginEpochs(seq: number): void {
    for (let epoch = this.epochs[this.applied]; epoch !== undefined && epoch.firstSeq <= seq;) {
      this.applied++;
      this.begin(epoch);
      epoch = this.epochs[this.applied];
    }
  }

  private begin({ identity, ...epoch }: RecordedEpoch): void {
    if (identity.generation !== this.sequence.identity.generation) {
      this.sequence = this.build(identity, { seq: epoch.firstSeq, notBeforeMs: this.sequence.lastMs });
      this.broken = undefined;
    }
    if (this.broken === undefined) {
      if (epoch.firstSeq === this.sequence.nextSeq) this.sequence.begin(epoch);
      else this.broken = `an epoch begins at ${epoch.firstSeq.toString()}, and the ledger has no such place`;
    }
    // Whatever was open until then is settled by it: doubted, or part of another story.
    if (epoch.doubtFrom !== undefined || this.broken !== undefined) this.open.clear();
  }

  private tellAgain(intent: LedgerIntent): void {
    this.nextSeq = intent.seq + 1;
    if (this.broken !== undefined) return;
    if (this.sequence.nextSeq !== intent.seq) {
      this.broken = `the ledger goes on at ${intent.seq.toString()} instead of ${this.sequence.nextSeq.toString()}`;
      return;
    }
    const record = this.sequence.next();
    const same =
      valueHash(record) === intent.sha256 &&
      record.partition === intent.partition &&
      this.topicOf(record.family) === intent.topic;
    if (!same) this.broken = `record ${intent.seq.toString()} was another one when it was sent`;
  }
}
