import {
  DEAD_LETTER_GROUP,
  FAMILIES,
  type Family,
  FAMILY_TABLES,
  LETTER_TOPICS,
  PARTITIONS,
  rawTopic,
  validatedTopic,
} from '@orderstream/contracts';
import { fetchCommittedOffsets, fetchEndOffsets, type KafkaRecord } from '@orderstream/kafka';
import { type Admin, type Kafka } from 'kafkajs';
import { type Accounts } from './accounts';
import { type ArchivedLog, type LogSpan, logsBetween } from './archived-log';
import { Comparison } from './compare';
import { type LetterEvidence } from './compare-letters';
import { waitUntilDrained } from './drain';
import { type PartitionEvidence } from './evidence';
import { PlantedRecords } from './planted-records';
import { countRejectedByBridge, readLetters, readRawTopic, readRecords, readValidatedRanges } from './read-records';
import { computeRecordsSince, type JournalMark } from './read-journal';
import { type TableReader } from './read-tables';
import { type GeneratorProgress, type ValidatorProgress } from './service-progress';
import { emptySnapshot, forEachFamily, perFamily, type Snapshot, takeFamilyOffsets, takeSnapshot } from './snapshot';
import { reached, waitUntilValidated } from './validated';

export interface RunVerifierOptions {
  readonly kafka: Kafka;
  readonly tables: TableReader;
  readonly generator: () => Promise<GeneratorProgress>;
  readonly validator: () => Promise<ValidatorProgress>;
  /** Directory of the generator's journal. */
  readonly ledgerFolder: string;
  readonly signal: AbortSignal;
  /** Whether the warehouse may reject rows of the run itself. */
  readonly rejectionsExpected?: boolean;
  /** Records with a known verdict that were sent to the raw topics beside the generator's. */
  readonly planted?: PlantedRecords;
}

/** Offsets of all topics and place in the journal before the run. */
export interface RunStart {
  readonly snapshot: Snapshot;
  /** Number of the log of each raw topic. */
  readonly logs: Readonly<Record<Family, number>>;
  readonly journal: JournalMark;
}

/** The start of a run over topics and a journal that were empty before it. */
export const startOfEverything = (): RunStart => ({
  snapshot: emptySnapshot(),
  logs: perFamily(0),
  journal: 0,
});

export interface ComparisonResult {
  readonly accounts: Accounts;
  /** Differences between the validator's counters and the comparison, as sentences. */
  readonly counterDifferences: readonly string[];
}

/** Records where a run starts, waits for its end, and compares the computed records with topics and tables. */
export class RunVerifier {
  private readonly archived: ArchivedLog[] = [];

  constructor(private readonly options: RunVerifierOptions) {}

  /** @param journal place in the journal before the run */
  async start(journal: JournalMark): Promise<RunStart> {
    return this.withAdmin(async (admin) => ({
      snapshot: await this.takeSnapshot(admin),
      logs: await forEachFamily((family) => Promise.resolve(this.archivedOf(family).length)),
      journal,
    }));
  }

  /**
   * Waits until the generator has sent its events and every service has processed them.
   *
   * @throws NoProgressError
   */
  async waitUntilDone(start: RunStart, events: number): Promise<void> {
    await this.withAdmin(async (admin) => {
      const { signal } = this.options;
      await waitUntilValidated({ ...this.options, admin }, start.journal, events);
      const snapshot = await this.takeSnapshot(admin);
      const validated = await forEachFamily((family) =>
        readValidatedRanges(this.options.kafka, family, start.snapshot.families[family], snapshot.families[family]),
      );
      await waitUntilDrained(
        'the sink to append every validated record',
        async () => {
          const committed = await forEachFamily((family) =>
            fetchCommittedOffsets(admin, 'bq-sink', validatedTopic(family)),
          );
          const done = FAMILIES.every((family) =>
            reached(
              committed[family],
              validated[family].map(({ end }) => end),
            ),
          );
          return { done, mark: JSON.stringify(committed) };
        },
        signal,
      );
      const orders = { topic: validatedTopic('orders') };
      const wanted = validated.orders.reduce((sum, { records }) => sum + records, 0);
      await waitUntilDrained(
        'streaming_orders to hold every validated order',
        async () => {
          const committed = await fetchCommittedOffsets(admin, 'pubsub-bridge', validatedTopic('orders'));
          const delivered = await this.options.tables.delivered(
            validated.orders.map(({ partition, from, end }) => ({ ...orders, partition, from, until: end })),
          );
          const rejected = await countRejectedByBridge(this.options.kafka, admin, start.snapshot.families.orders);
          return { done: delivered + rejected >= wanted, mark: JSON.stringify([committed, delivered, rejected]) };
        },
        signal,
      );
      await waitUntilDrained(
        'the sink to append every dead letter to dead_letters',
        async () => {
          const unread = await this.unreadLetters(admin);
          return { done: unread.records === 0, mark: JSON.stringify(unread) };
        },
        signal,
      );
    });
  }

  /** Dead letters that the group which fills their table has not committed, and its offsets where there are some. */
  private async unreadLetters(admin: Admin): Promise<{ records: number; readonly committed: object }> {
    const unread = { records: 0, committed: {} as Record<string, number> };
    for (const topic of LETTER_TOPICS) {
      const ends = await fetchEndOffsets(admin, topic);
      const committed = await fetchCommittedOffsets(admin, DEAD_LETTER_GROUP, topic);
      for (const [partition, until] of ends.entries()) {
        const from = committed[partition] ?? 0;
        // Only transaction markers may lie between.
        const { length } = await readLetters(this.options.kafka, { topic, partition, from, until });
        if (length === 0) continue;
        unread.records += length;
        unread.committed[`${topic}/${String(partition)}`] = from;
      }
    }
    return unread;
  }

  /** Validated orders since the start that are neither in streaming_orders nor in the bridge's dead letters. */
  async undelivered(start: RunStart): Promise<number> {
    return this.withAdmin(async (admin) => {
      const snapshot = await this.takeSnapshot(admin);
      const { kafka, tables } = this.options;
      const ranges = await readValidatedRanges(
        kafka,
        'orders',
        start.snapshot.families.orders,
        snapshot.families.orders,
      );
      const topic = validatedTopic('orders');
      const delivered = await tables.delivered(
        ranges.map(({ partition, from, end }) => ({ topic, partition, from, until: end })),
      );
      const wanted = ranges.reduce((sum, { records }) => sum + records, 0);
      return wanted - delivered - (await countRejectedByBridge(kafka, admin, start.snapshot.families.orders));
    });
  }

  /**
   * Compares everything since the start, whether it is complete or not.
   * @param isWholeJournal nothing was ever written to the journal or to the topics before the start
   */
  async compare(start: RunStart, isWholeJournal = false): Promise<ComparisonResult> {
    return this.withAdmin(async (admin) => {
      const { ledgerFolder, rejectionsExpected, planted } = this.options;
      const end = await this.takeSnapshot(admin);
      const comparison = new Comparison(computeRecordsSince(ledgerFolder, start.journal), {
        rejectionsExpected,
        planted: plantedSince(start, planted),
        isWholeJournal,
      });
      // Read before the rows: a row below the sink's committed offset that is not there now will not come.
      const sinkCommitted = await forEachFamily((family) =>
        fetchCommittedOffsets(admin, 'bq-sink', validatedTopic(family)),
      );
      for (const family of FAMILIES) {
        const [from, until] = [start.snapshot.families[family], end.families[family]];
        for (const span of logsBetween(this.archivedOf(family), start.logs[family], from, until)) {
          for (let partition = 0; partition < PARTITIONS; partition++) {
            comparison.add(await this.evidenceOf(family, span, partition, sinkCommitted[family][partition] ?? 0));
          }
        }
      }
      for await (const evidence of this.letterEvidence(admin, start.snapshot, end)) comparison.addLetters(evidence);
      return { accounts: comparison.finish(), counterDifferences: counterDifferences(start.snapshot, end, comparison) };
    });
  }

  /**
   * Keeps the evaluated records of a raw topic for the comparison: the topic is about to be deleted and re-created. Nothing
   * may be produced to it, or evaluated, from now on until it is re-created.
   *
   * @returns the records that were not evaluated. They count only where they are produced again.
   */
  async archiveLog(family: Family): Promise<readonly KafkaRecord[]> {
    return this.withAdmin(async (admin) => {
      const { kafka, signal, planted } = this.options;
      const offsets = await takeFamilyOffsets({ kafka, admin, signal }, family);
      const ends = await fetchEndOffsets(admin, rawTopic(family));
      const { evaluated, rest } = await readRawTopic(kafka, family, offsets.committed, ends);
      this.archived.push({ family, offsets, raw: evaluated });
      planted?.startLog(rawTopic(family));
      return rest;
    });
  }

  private async evidenceOf(
    family: Family,
    span: LogSpan,
    partition: number,
    sinkCommitted: number,
  ): Promise<PartitionEvidence> {
    const { kafka, tables } = this.options;
    const records = await readRecords(kafka, family, partition, span);
    const range = {
      topic: validatedTopic(family),
      partition,
      from: span.from.validated[partition] ?? 0,
      until: span.until.validated[partition] ?? 0,
    };
    const table = FAMILY_TABLES[family];
    return {
      ...records,
      family,
      rawTopic: rawTopic(family),
      log: span.log,
      partition,
      table,
      sinkCommitted,
      rows: await tables.rows(family, range),
      streaming:
        family === 'orders'
          ? { deliveries: await tables.deliveries(range), rejected: records.rejectedByBridge }
          : undefined,
    };
  }

  private async *letterEvidence(admin: Admin, start: Snapshot, end: Snapshot): AsyncGenerator<LetterEvidence> {
    const { kafka, tables } = this.options;
    for (const topic of LETTER_TOPICS) {
      // Read before the rows, as for the tables of events.
      const committed = await fetchCommittedOffsets(admin, DEAD_LETTER_GROUP, topic);
      for (const [partition, until] of (end.letters[topic] ?? []).entries()) {
        const range = { topic, partition, from: start.letters[topic]?.[partition] ?? 0, until };
        if (range.from >= until) continue;
        const letters = await readLetters(kafka, range);
        yield { topic, partition, committed: committed[partition] ?? 0, letters, rows: await tables.letters(range) };
      }
    }
  }

  private archivedOf(family: Family): ArchivedLog[] {
    return this.archived.filter((log) => log.family === family);
  }

  private takeSnapshot(admin: Admin): Promise<Snapshot> {
    const { kafka, validator, signal } = this.options;
    return takeSnapshot({ kafka, admin, signal, readStatus: validator });
  }

  private async withAdmin<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
    const admin = this.options.kafka.admin();
    await admin.connect();
    try {
      return await work(admin);
    } finally {
      await admin.disconnect();
    }
  }
}

/** The records that were planted after the start. */
function plantedSince({ snapshot, logs }: RunStart, planted = new PlantedRecords()): PlantedRecords {
  const starts = new Map(
    FAMILIES.flatMap((family) => {
      const { committed, validated } = snapshot.families[family];
      return [
        [rawTopic(family), { log: logs[family], offsets: committed }],
        [validatedTopic(family), { log: 0, offsets: validated }],
      ] as const;
    }),
  );
  return planted.since((topic, partition) => {
    const { log, offsets } = starts.get(topic) ?? { log: 0, offsets: [] };
    return { log, offset: offsets[partition] ?? 0 };
  });
}

function counterDifferences(from: Snapshot, until: Snapshot, comparison: Comparison): string[] {
  const counted = comparison.outcomes();
  return (['accepted', 'repaired', 'skipped', 'deadLettered', 'passedOver'] as const).flatMap((counter) => {
    const grown = FAMILIES.reduce(
      (sum, family) => sum + until.counters[family][counter] - from.counters[family][counter],
      0,
    );
    return grown === counted[counter]
      ? []
      : [`The validator counted ${String(grown)} ${counter}, the comparison ${String(counted[counter])}.`];
  });
}
