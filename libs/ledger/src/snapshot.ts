import {
  deadLetterTopic,
  FAMILIES,
  type Family,
  LETTER_TOPICS,
  PARTITIONS,
  rawTopic,
  validatedTopic,
} from '@orderstream/contracts';
import { waitUntil } from '@orderstream/deadlines';
import { fetchCommittedOffsets, fetchEndOffsets, HighWatermarks } from '@orderstream/kafka';
import { type Admin, type Kafka } from 'kafkajs';
import { type Counters } from './accounts';
import { hasOpened, type ValidatorProgress } from './service-progress';

/** Offsets of one family's topics that the validator reads and writes, by partition. */
export interface VerdictOffsets {
  /** The validator's committed offsets in the raw topic. */
  readonly committed: readonly number[];
  /** End offsets of the other topics. */
  readonly validated: readonly number[];
  readonly deadLetters: readonly number[];
}

/** Offsets of all of one family's topics. */
export interface FamilyOffsets extends VerdictOffsets {
  readonly rejectedBySink: readonly number[];
  readonly rejectedByBridge: readonly number[];
}

/**
 * A consistent snapshot between two commits of the validator: the outputs of every raw record below `committed` are below the
 * end offsets, and no other outputs are.
 */
export interface Snapshot {
  readonly families: Readonly<Record<Family, FamilyOffsets>>;
  /** The last stable offsets of every dead-letter topic, by topic. Rows of the table of dead letters are compared with them. */
  readonly letters: Readonly<Record<string, readonly number[]>>;
  /** The validator's cumulative counters at the same time. */
  readonly counters: Readonly<Record<Family, Counters & { readonly input: number }>>;
}

/** The snapshot of topics that have never had a record. */
export function emptySnapshot(): Snapshot {
  const offsets = Array.from({ length: PARTITIONS }, () => 0);
  return {
    families: perFamily({
      committed: offsets,
      validated: offsets,
      deadLetters: offsets,
      rejectedBySink: offsets,
      rejectedByBridge: offsets,
    }),
    letters: Object.fromEntries(LETTER_TOPICS.map((topic) => [topic, offsets])),
    counters: perFamily({ input: 0, accepted: 0, repaired: 0, skipped: 0, deadLettered: 0, passedOver: 0 }),
  };
}

export const perFamily = <T>(value: T): Record<Family, T> =>
  Object.fromEntries(FAMILIES.map((family) => [family, value])) as Record<Family, T>;

const SNAPSHOT_DEADLINE_MS = 60_000;
const SNAPSHOT_INTERVAL_MS = 200;

export interface SnapshotOptions {
  readonly kafka: Kafka;
  readonly admin: Admin;
  readonly readStatus: () => Promise<ValidatorProgress>;
  readonly signal: AbortSignal;
}

/**
 * The validator commits outputs and offset together. So end offsets belong together if its committed offsets and counters
 * are equal before and after they were read; otherwise, and when a service does not answer, the read is repeated.
 *
 * @throws DeadlineError after 60 s
 */
export async function takeSnapshot({ kafka, admin, readStatus, signal }: SnapshotOptions): Promise<Snapshot> {
  const ends = new StableEnds(kafka, admin);
  try {
    return await waitUntil(
      async () => {
        const before = await readState(admin, readStatus);
        const families = await forEachFamily((family) => ends.ofFamily(family, before.committed[family]));
        const after = await readState(admin, readStatus);
        return (
          JSON.stringify(before) === JSON.stringify(after) && {
            families,
            counters: after.counters,
            letters: await endsOfLetters(admin),
          }
        );
      },
      {
        what: 'the validator to open every partition and to pause between two commits',
        deadlineMs: SNAPSHOT_DEADLINE_MS,
        intervalMs: SNAPSHOT_INTERVAL_MS,
        signal,
      },
    );
  } finally {
    await ends.close();
  }
}

/**
 * The offsets of one family whose raw topic is not evaluated any more. Does not ask the validator.
 *
 * @throws DeadlineError when an offset still changes after 60 s
 */
export async function takeFamilyOffsets(
  options: Omit<SnapshotOptions, 'readStatus'>,
  family: Family,
): Promise<FamilyOffsets> {
  return takeOffsets(options, family, (ends, committed) => ends.ofFamily(family, committed));
}

/**
 * As `takeFamilyOffsets`, of the topics that exist where only the validator runs.
 *
 * @throws DeadlineError when an offset still changes after 60 s
 */
export async function takeVerdictOffsets(
  options: Omit<SnapshotOptions, 'readStatus'>,
  family: Family,
): Promise<VerdictOffsets> {
  return takeOffsets(options, family, (ends, committed) => ends.ofVerdicts(family, committed));
}

async function takeOffsets<T>(
  { kafka, admin, signal }: Omit<SnapshotOptions, 'readStatus'>,
  family: Family,
  read: (ends: StableEnds, committed: readonly number[]) => Promise<T>,
): Promise<T> {
  const ends = new StableEnds(kafka, admin);
  try {
    return await waitUntil(
      async () => {
        const before = await committedRawOffsets(admin, family);
        const offsets = await read(ends, before);
        return JSON.stringify(before) === JSON.stringify(await committedRawOffsets(admin, family)) && offsets;
      },
      {
        what: `the validator not to evaluate ${rawTopic(family)}`,
        deadlineMs: SNAPSHOT_DEADLINE_MS,
        intervalMs: SNAPSHOT_INTERVAL_MS,
        signal,
      },
    );
  } finally {
    await ends.close();
  }
}

async function endsOfLetters(admin: Admin): Promise<Record<string, number[]>> {
  const ends: Record<string, number[]> = {};
  for (const topic of LETTER_TOPICS) ends[topic] = await fetchEndOffsets(admin, topic);
  return ends;
}

/** End offsets of topics that are written in transactions. */
class StableEnds {
  private readonly watermarks = new Map<string, HighWatermarks>();

  constructor(
    private readonly kafka: Kafka,
    private readonly admin: Admin,
  ) {}

  /**
   * The last stable offsets. The coordinator answers a commit, and the group's committed offset changes, before the commit
   * markers are in every partition. Until then outputs are missing below the last stable offset.
   *
   * @throws Error while a last stable offset is not the high watermark
   */
  async of(topic: string): Promise<number[]> {
    let watermarks = this.watermarks.get(topic);
    if (watermarks === undefined) this.watermarks.set(topic, (watermarks = new HighWatermarks(this.kafka, topic)));
    const ends = await fetchEndOffsets(this.admin, topic);
    const highWatermarks = await watermarks.fetch();
    if (highWatermarks.some((end, partition) => end !== ends[partition])) {
      throw new Error(`${topic} has an open transaction`);
    }
    return ends;
  }

  async ofVerdicts(family: Family, committed: readonly number[]): Promise<VerdictOffsets> {
    return {
      committed,
      validated: await this.of(validatedTopic(family)),
      deadLetters: await this.of(deadLetterTopic(rawTopic(family), 'validator')),
    };
  }

  async ofFamily(family: Family, committed: readonly number[]): Promise<FamilyOffsets> {
    return {
      ...(await this.ofVerdicts(family, committed)),
      rejectedBySink: await this.of(deadLetterTopic(validatedTopic(family), 'bq-sink')),
      rejectedByBridge:
        family === 'orders'
          ? await fetchEndOffsets(this.admin, deadLetterTopic(validatedTopic(family), 'pubsub-bridge'))
          : [],
    };
  }

  async close(): Promise<void> {
    await Promise.allSettled(Array.from(this.watermarks.values(), (watermarks) => watermarks.close()));
  }
}

/** @throws Error while the validator has not opened every partition: its counters leave out the others */
async function readState(
  admin: Admin,
  readStatus: SnapshotOptions['readStatus'],
): Promise<{ readonly committed: Record<Family, number[]>; readonly counters: Snapshot['counters'] }> {
  const status = await readStatus();
  if (!hasOpened(status, FAMILIES.length * PARTITIONS)) throw new Error('the validator has not opened every partition');
  return {
    committed: await forEachFamily((family) => committedRawOffsets(admin, family)),
    counters: status.accounting,
  };
}

/** The validator's committed offsets by partition of the family's raw topic; 0 where it has not committed. */
export async function committedRawOffsets(admin: Admin, family: Family): Promise<number[]> {
  const committed = await fetchCommittedOffsets(admin, `validator-${family}`, rawTopic(family));
  return committed.map((offset) => offset ?? 0);
}

export async function forEachFamily<T>(work: (family: Family) => Promise<T>): Promise<Record<Family, T>> {
  const entries = await Promise.all(FAMILIES.map(async (family) => [family, await work(family)] as const));
  return Object.fromEntries(entries) as Record<Family, T>;
}
