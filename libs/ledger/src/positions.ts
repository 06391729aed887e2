import { deadLetterTopic, FAMILIES, type Family, PARTITIONS, rawTopic, validatedTopic } from '@orderstream/contracts';
import { fetchCommitted, fetchEnds, HighWatermarks } from '@orderstream/kafka';
import { type Admin, type Kafka } from 'kafkajs';
import { waitUntil } from '@orderstream/deadlines';
import { type Verdicts } from './accounts';
import { hasOpened, type ValidatorProgress } from './service-progress';

/** Positions of one family's topics by partition, all of one moment between two commits of the validator. */
export interface FamilyPositions {
  /** First raw offset that the validator has not evaluated. */
  readonly evaluated: readonly number[];
  readonly validated: readonly number[];
  readonly deadLetters: readonly number[];
  readonly rejectedBySink: readonly number[];
  readonly rejectedByBridge: readonly number[];
}

/** A cut through the pipeline: every raw record below `evaluated` has its outcome below the other positions, and no other has. */
export interface Cut {
  readonly families: Readonly<Record<Family, FamilyPositions>>;
  /** The validator's own cumulative counters at the same moment. */
  readonly counters: Readonly<Record<Family, Verdicts & { readonly input: number }>>;
}

const CUT_DEADLINE_MS = 60_000;
const CUT_INTERVAL_MS = 200;

/** How a cut is taken. */
export interface CutContext {
  readonly kafka: Kafka;
  readonly admin: Admin;
  readonly readStatus: () => Promise<ValidatorProgress>;
  readonly signal: AbortSignal;
}

/**
 * Takes a cut. The validator commits outcomes and position together; so positions that are read between two equal readings
 * of its commits and counters belong together. While records are being evaluated that may take a few attempts, and so it may
 * while a part does not answer.
 *
 * @throws DeadlineError after 60 s
 */
export async function takeCut({ kafka, admin, readStatus, signal }: CutContext): Promise<Cut> {
  const ends = new DecidedEnds(kafka, admin);
  try {
    return await waitUntil(
      async () => {
        const before = await readState(admin, readStatus);
        const families = await forEachFamily(async (family) => ({
          evaluated: before.evaluated[family],
          validated: await ends.of(validatedTopic(family)),
          deadLetters: await ends.of(deadLetterTopic(rawTopic(family), 'validator')),
          rejectedBySink: await ends.of(deadLetterTopic(validatedTopic(family), 'bq-sink')),
          rejectedByBridge:
            family === 'orders' ? await fetchEnds(admin, deadLetterTopic(validatedTopic(family), 'pubsub-bridge')) : [],
        }));
        const after = await readState(admin, readStatus);
        return JSON.stringify(before) === JSON.stringify(after) && { families, counters: after.counters };
      },
      {
        what: 'the validator to have opened every partition, and to pause between two commits',
        deadlineMs: CUT_DEADLINE_MS,
        intervalMs: CUT_INTERVAL_MS,
        signal,
      },
    );
  } finally {
    await ends.close();
  }
}

/** Ends of topics that are written to in transactions. */
class DecidedEnds {
  private readonly watermarks = new Map<string, HighWatermarks>();

  constructor(
    private readonly kafka: Kafka,
    private readonly admin: Admin,
  ) {}

  /**
   * The last stable offsets. Commits are answered, and show in the group's position, before their markers are written
   * everywhere: until then records are missing below these offsets that the position tells of.
   *
   * @throws Error while they are not the high watermarks
   */
  async of(topic: string): Promise<number[]> {
    let watermarks = this.watermarks.get(topic);
    if (watermarks === undefined) this.watermarks.set(topic, (watermarks = new HighWatermarks(this.kafka, topic)));
    const ends = await fetchEnds(this.admin, topic);
    const written = await watermarks.fetch();
    if (written.some((end, partition) => end !== ends[partition])) {
      throw new Error(`a transaction in ${topic} is not decided`);
    }
    return ends;
  }

  async close(): Promise<void> {
    await Promise.allSettled(Array.from(this.watermarks.values(), (watermarks) => watermarks.close()));
  }
}

/** @throws Error while the validator has not opened every partition: its counters are those of the others */
async function readState(
  admin: Admin,
  readStatus: CutContext['readStatus'],
): Promise<{ readonly evaluated: Record<Family, number[]>; readonly counters: Cut['counters'] }> {
  const status = await readStatus();
  if (!hasOpened(status, FAMILIES.length * PARTITIONS)) throw new Error('the validator has not opened every partition');
  return { evaluated: await forEachFamily((family) => evaluatedOffsets(admin, family)), counters: status.accounting };
}

/** The next raw offset to be evaluated, by partition; the validator has committed everything below it. */
export async function evaluatedOffsets(admin: Admin, family: Family): Promise<number[]> {
  const committed = await fetchCommitted(admin, `validator-${family}`, rawTopic(family));
  return committed.map((offset) => offset ?? 0);
}

export async function forEachFamily<T>(work: (family: Family) => Promise<T>): Promise<Record<Family, T>> {
  const entries = await Promise.all(FAMILIES.map(async (family) => [family, await work(family)] as const));
  return Object.fromEntries(entries) as Record<Family, T>;
}
