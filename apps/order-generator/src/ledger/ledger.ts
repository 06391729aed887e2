import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Family, type LedgerAck, type LedgerIntent } from '@orderstream/contracts';
import { acquireLock, LockHeldError } from '@orderstream/process-lock';
import { type MarketplaceIdentity } from '../simulation/marketplace';
import { type Segment } from '../simulation/schedule';
import { type Sequence } from '../simulation/sequence';
import { type CheckpointText, formatCheckpoint, loadCheckpoint, storeCheckpoint } from './checkpoint';
import { replaceFile } from './durable-file';
import { type EmissionLedger } from './emission-ledger';
import { LedgerInUseError } from './errors';
import { LedgerFileWriter, nextRunId } from './ledger-files';
import { type BuildSequence, recover } from './recovery';
import { readSchedule, ScheduleLog } from './schedule-log';

export interface LedgerOptions {
  readonly directory: string;
  readonly seed: number;
  /** Above this total size the oldest ledger files are deleted. */
  readonly maxBytes: number;
  readonly build: BuildSequence;
  /** The topic that a family's records are sent to. */
  readonly topicOf: (family: Family) => string;
  /** Whether the topics never had a record. Called only for a new directory. */
  readonly topicsUntouched: () => Promise<boolean>;
}

const IDENTITY_FILE = 'identity.json';
const LOCK_FILE = 'lock';

/**
 * The records that the generator is about to send, their acknowledgements, and the state of its simulation.
 *
 * Files: `<run>.<number>.ndjson` (the ledger; format in libs/contracts), `schedule.jsonl`, `checkpoint.json`,
 * `identity.json`, `lock`.
 *
 * Failure semantics: an intent is written to its file before its record is sent, so after a kill at any point the ledger
 * has every id that was sent. Synced to the disk are segments (before their first record), checkpoints, and the ledger
 * files at each checkpoint and at the end. When the machine crashes, later intents may be lost while a broker on another
 * machine has their records. The next segment would give their sequence numbers to other records: remove the directory
 * then, and a marketplace with other ids starts.
 */
export class Ledger implements EmissionLedger {
  private writer: LedgerFileWriter | undefined;
  private runId = '';

  private constructor(
    private readonly options: LedgerOptions,
    private readonly unlock: () => void,
    private readonly schedule: ScheduleLog,
    private readonly directoryId: string,
    readonly sequence: Sequence,
    readonly unknownFrom: number | undefined,
    /** Why the directory's last sequence could not continue; undefined if it could, or if there was none. */
    readonly restartReason: string | undefined,
  ) {}

  /** @throws LedgerInUseError, LedgerUnreadableError */
  static async open(options: LedgerOptions): Promise<Ledger> {
    const { directory, seed, build, topicOf } = options;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const unlock = lockDirectory(directory);
    try {
      const directoryId = await readOrCreateId(options);
      const segments = readSchedule(directory);
      const checkpoint = loadCheckpoint(directory);
      const recovered = recover(directory, checkpoint, segments, build, topicOf);
      const { sequence, nextSeq, unknownFrom, restartReason } = recovered;
      const schedule = new ScheduleLog(directory, segments.length);
      if (sequence?.identity.seed === seed) {
        return new Ledger(options, unlock, schedule, directoryId, sequence, unknownFrom, undefined);
      }
      const earlier = new Set(segments.map(({ identity }) => identity.marketplaceId)).size;
      const identity: MarketplaceIdentity = { marketplaceId: `${directoryId}-${(earlier + 1).toString()}`, seed };
      const fresh = build(identity, { seq: nextSeq, notBeforeMs: sequence?.lastMs ?? 0 });
      return new Ledger(options, unlock, schedule, directoryId, fresh, undefined, restartReason);
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

  beginRun(startedAt: Date, segment: Segment): void {
    this.writer?.close();
    this.runId = nextRunId(this.options.directory, this.directoryId);
    this.writer = new LedgerFileWriter(
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
    this.beginSegment(segment);
    this.store(this.snapshot());
  }

  beginSegment(segment: Segment): void {
    this.schedule.add({ ...segment, identity: this.sequence.identity });
    this.sequence.begin(segment);
  }

  intents(batch: number, intents: readonly LedgerIntent[]): void {
    this.currentWriter().write({ kind: 'intents', run: this.runId, batch, intents });
  }

  acks(batch: number, acks: readonly LedgerAck[]): void {
    this.currentWriter().write({ kind: 'acks', run: this.runId, batch, acks });
  }

  snapshot(): CheckpointText {
    return formatCheckpoint({
      identity: this.sequence.identity,
      segments: this.schedule.count,
      ledgerFile: this.currentWriter().current,
      sequence: this.sequence.state,
    });
  }

  store(snapshot: CheckpointText): void {
    this.currentWriter().sync();
    storeCheckpoint(this.options.directory, snapshot);
  }

  close(): void {
    this.writer?.close();
    this.writer = undefined;
    this.schedule.close();
    this.unlock();
  }

  private currentWriter(): LedgerFileWriter {
    if (this.writer === undefined) throw new Error('no run has begun');
    return this.writer;
  }
}

/**
 * The directory's part of every marketplace id. For a first directory over untouched topics it is `g`, so that the same seed
 * gives the same bytes. Any other directory has a random one, so that its ids never collide with earlier ones.
 */
async function readOrCreateId({ directory, topicsUntouched }: LedgerOptions): Promise<string> {
  const path = join(directory, IDENTITY_FILE);
  if (existsSync(path)) return (JSON.parse(readFileSync(path, 'utf8')) as { directory: string }).directory;
  const id = (await topicsUntouched()) ? 'g' : `g${randomBytes(4).toString('hex')}`;
  replaceFile(path, `${JSON.stringify({ directory: id })}\n`);
  return id;
}

/**
 * Prevents a second generator over the directory: it would use the same sequence numbers for other records.
 *
 * @throws LedgerInUseError while another process holds the lock
 */
function lockDirectory(directory: string): () => void {
  try {
    return acquireLock(join(directory, LOCK_FILE));
  } catch (error) {
    if (error instanceof LockHeldError) throw new LedgerInUseError(directory, error.pid);
    throw error;
  }
}
