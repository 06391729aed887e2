import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Family, type LedgerAck, type LedgerIntent } from '@orderstream/contracts';
import { acquireLock, LockHeldError } from '@orderstream/process-lock';
import { type Epoch } from '../simulation/epochs';
import { type MarketplaceIdentity } from '../simulation/marketplace';
import { type Sequence } from '../simulation/sequence';
import { type CheckpointText, formatCheckpoint, loadCheckpoint, storeCheckpoint } from './checkpoint';
import { replaceFile } from './durable-file';
import { EpochLog, readEpochs } from './epoch-log';
import { LedgerInUseError } from './errors';
import { type BuildSequence, recover } from './recovery';
import { nextRunId, SegmentWriter } from './segments';
import { type Story } from './story';

export interface LedgerOptions {
  readonly directory: string;
  readonly seed: number;
  /** Oldest segments go when all of them together are larger. */
  readonly maxBytes: number;
  readonly build: BuildSequence;
  /** Where a family's records are sent. */
  readonly topicOf: (family: Family) => string;
  /** Whether the topics never had a record. Asked only when the directory is new. */
  readonly topicsUntouched: () => Promise<boolean>;
}

const IDENTITY_FILE = 'generation.json';
const LOCK_FILE = 'lock';

/**
 * What the generator is about to send, and what became of it; and where its story stands.
 *
 * Files: `<run>.<segment>.ndjson` (the ledger; format in libs/contracts), `epochs.jsonl`, `checkpoint.json`,
 * `generation.json`, `lock`.
 *
 * Failure semantics: an intent has been handed to the kernel before its record is sent, so a kill at any point leaves
 * every id that was ever sent in the ledger. Synced to the disk are epochs (before their first record), checkpoints and the
 * ledger at each checkpoint and at the end; when the machine itself dies, intents since then may be lost while the
 * broker, on another machine, has their records: the next epoch tells other times, so remove the directory then, and
 * a generation with other ids begins.
 */
export class Ledger implements Story {
  private writer: SegmentWriter | undefined;
  private runId = '';

  private constructor(
    private readonly options: LedgerOptions,
    private readonly unlock: () => void,
    private readonly epochs: EpochLog,
    private readonly directoryId: string,
    readonly sequence: Sequence,
    readonly doubtFrom: number | undefined,
    /** Why the story of before could not be gone on with, if there was one. */
    readonly broken: string | undefined,
  ) {}

  /** @throws LedgerInUseError, LedgerUnreadableError */
  static async open(options: LedgerOptions): Promise<Ledger> {
    const { directory, seed, build, topicOf } = options;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const unlock = lockDirectory(directory);
    try {
      const directoryId = await identify(options);
      const recorded = readEpochs(directory);
      const checkpoint = loadCheckpoint(directory);
      const { sequence, nextSeq, doubtFrom, broken } = recover(directory, checkpoint, recorded, build, topicOf);
      const epochs = new EpochLog(directory, recorded.length);
      if (sequence?.identity.seed === seed) {
        return new Ledger(options, unlock, epochs, directoryId, sequence, doubtFrom, undefined);
      }
      const generations = new Set(recorded.map(({ identity }) => identity.generation)).size;
      const identity: MarketplaceIdentity = { generation: `${directoryId}-${(generations + 1).toString()}`, seed };
      const fresh = build(identity, { seq: nextSeq, notBeforeMs: sequence?.lastMs ?? 0 });
      return new Ledger(options, unlock, epochs, directoryId, fresh, undefined, broken);
    } catch (error) {
      unlock();
      throw error;
    }
  }

  topicOf(family: Family): string {
    return this.options.topicOf(family);
  }

  get run(): string {
    return this.runId;
  }

  beginRun(startedAt: Date, epoch: Epoch): void {
    this.writer?.close();
    this.runId = nextRunId(this.options.directory, this.directoryId);
    this.writer = new SegmentWriter(
      this.options.directory,
      {
        kind: 'run',
        run: this.runId,
        startedAt: startedAt.toISOString(),
        firstSeq: this.sequence.nextSeq,
        seed: this.options.seed,
      },
      this.options.maxBytes,
    );
    this.beginEpoch(epoch);
    this.store(this.snapshot());
  }

  beginEpoch(epoch: Epoch): void {
    this.epochs.add({ ...epoch, identity: this.sequence.identity });
    this.sequence.begin(epoch);
  }

  intents(batch: number, intents: readonly LedgerIntent[]): void {
    this.open().write({ kind: 'intents', run: this.runId, batch, intents });
  }

  acks(batch: number, acks: readonly LedgerAck[]): void {
    this.open().write({ kind: 'acks', run: this.runId, batch, acks });
  }

  snapshot(): CheckpointText {
    return formatCheckpoint({
      identity: this.sequence.identity,
      epochs: this.epochs.count,
      segment: this.open().current,
      sequence: this.sequence.state,
    });
  }

  store(snapshot: CheckpointText): void {
    this.open().sync();
    storeCheckpoint(this.options.directory, snapshot);
  }

  close(): void {
    this.writer?.close();
    this.writer = undefined;
    this.epochs.close();
    this.unlock();
  }

  private open(): SegmentWriter {
    if (this.writer === undefined) throw new Error('no run has begun');
    return this.writer;
  }
}

/**
 * What marks everything that comes out of this directory. A first directory over untouched topics is called `g`, so that the
 * same seed gives the same bytes; any other gets a name of its own: its ids collide with nothing that was told before.
 */
async function identify({ directory, topicsUntouched }: LedgerOptions): Promise<string> {
  const path = join(directory, IDENTITY_FILE);
  if (existsSync(path)) return (JSON.parse(readFileSync(path, 'utf8')) as { directory: string }).directory;
  const name = (await topicsUntouched()) ? 'g' : `g${randomBytes(4).toString('hex')}`;
  replaceFile(path, `${JSON.stringify({ directory: name })}\n`);
  return name;
}

/**
 * Keeps a second generator from the directory: two would give one sequence number to two records.
 *
 * @throws LedgerInUseError while another process holds it
 */
function lockDirectory(directory: string): () => void {
  try {
    return acquireLock(join(directory, LOCK_FILE));
  } catch (error) {
    if (error instanceof LockHeldError) throw new LedgerInUseError(directory, error.pid);
    throw error;
  }
}
