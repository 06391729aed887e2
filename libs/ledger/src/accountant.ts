import { deadLetterTopic, FAMILIES, FAMILY_TABLES, PARTITIONS, rawTopic, validatedTopic } from '@orderstream/contracts';
import { fetchCommitted, fetchEnds } from '@orderstream/kafka';
import { type Admin, type Kafka } from 'kafkajs';
import { type Accounts } from './accounts';
import { Comparison } from './compare';
import { untilDrained } from './drain';
import { type LedgerMark, readLedgerSince } from './ledger-files';
import { PlantedRecords } from './planted-records';
import { type Cut, forEachFamily, evaluatedOffsets, takeCut } from './positions';
import { type PartitionRecords, readRecords, readValidatedRanges } from './read-records';
import { type TableReader } from './read-tables';
import { type GeneratorProgress, type ValidatorProgress } from './service-progress';

export interface AccountantContext {
  readonly kafka: Kafka;
  readonly tables: TableReader;
  readonly generator: () => Promise<GeneratorProgress>;
  readonly validator: () => Promise<ValidatorProgress>;
  readonly ledgerFolder: string;
  readonly signal: AbortSignal;
  /** Whether the warehouse may reject rows of the run itself. */
  readonly rejectionsExpected?: boolean;
  /** Records that others put into the raw topics, and whose verdict is known. */
  readonly planted?: PlantedRecords;
}

/** Where everything stood before the run. */
export interface Opening {
  readonly cut: Cut;
  readonly ledger: LedgerMark;
}

/** What the comparison found, and whether the validator's own counters say the same. */
export interface Closing {
  readonly accounts: Accounts;
  /** Differences between the validator's counters and the comparison, in words. */
  readonly counterDifferences: readonly string[];
}

/** Opens the books before a run and closes them after it. */
export class Accountant {
  constructor(private readonly context: AccountantContext) {}

  /** @param ledger where the ledger was before the run */
  async open(ledger: LedgerMark): Promise<Opening> {
    return this.withAdmin(async (admin) => ({
      cut: await this.takeCut(admin),
      ledger,
    }));
  }

  /**
   * Waits until the generator is done and everything that it sent is where it belongs, or stands still.
   *
   * @throws NoProgressError
   */
  async untilDone(opening: Opening, events: number): Promise<void> {
    await this.withAdmin(async (admin) => {
      const { signal } = this.context;
      await untilDrained('the generator to send its events', () => this.generated(opening.ledger, events), signal);
      const ends = await forEachFamily((family) => fetchEnds(admin, rawTopic(family)));
      await untilDrained(
        'the validator to evaluate every record',
        async () => {
          const evaluated = await forEachFamily((family) => evaluatedOffsets(admin, family));
          const done = FAMILIES.every((family) => reached(evaluated[family], ends[family]));
          return { done, mark: JSON.stringify(evaluated) };
        },
        signal,
      );
      const cut = await this.takeCut(admin);
      const validated = await forEachFamily((family) =>
        readValidatedRanges(this.context.kafka, family, opening.cut.families[family], cut.families[family]),
      );
      await untilDrained(
        'the sink to append every validated record',
        async () => {
          const passed = await forEachFamily((family) => fetchCommitted(admin, 'bq-sink', validatedTopic(family)));
          const done = FAMILIES.every((family) =>
            reached(
              passed[family],
              validated[family].map(({ end }) => end),
            ),
          );
          return { done, mark: JSON.stringify(passed) };
        },
        signal,
      );
      const orders = { topic: validatedTopic('orders') };
      const wanted = validated.orders.reduce((sum, { records }) => sum + records, 0);
      await untilDrained(
        'streaming_orders to hold every validated order',
        async () => {
          const passed = await fetchCommitted(admin, 'pubsub-bridge', validatedTopic('orders'));
          const delivered = await this.context.tables.delivered(
            validated.orders.map(({ partition, from, end }) => ({ ...orders, partition, from, until: end })),
          );
          const rejected = await this.rejectedByBridge(admin, opening.cut);
          return { done: delivered + rejected >= wanted, mark: JSON.stringify([passed, delivered, rejected]) };
        },
        signal,
      );
    });
  }

  /** Validated orders since the opening that streaming_orders does not hold, nor the bridge's dead letters. */
  async undelivered(opening: Opening): Promise<number> {
    return this.withAdmin(async (admin) => {
      const cut = await this.takeCut(admin);
      const { kafka, tables } = this.context;
      const ranges = await readValidatedRanges(kafka, 'orders', opening.cut.families.orders, cut.families.orders);
      const topic = validatedTopic('orders');
      const delivered = await tables.delivered(
        ranges.map(({ partition, from, end }) => ({ topic, partition, from, until: end })),
      );
      const wanted = ranges.reduce((sum, { records }) => sum + records, 0);
      return wanted - delivered - (await this.rejectedByBridge(admin, opening.cut));
    });
  }

  /**
   * Compares everything since the opening, whether it is complete or not.
   * @param isWholeLedger nothing was ever written to the ledger or to the topics before the opening
   */
  async close(opening: Opening, isWholeLedger = false): Promise<Closing> {
    return this.withAdmin(async (admin) => {
      const cut = await this.takeCut(admin);
      const comparison = new Comparison(await readLedgerSince(this.context.ledgerFolder, opening.ledger), {
        rejectionsExpected: this.context.rejectionsExpected,
        planted: plantedSince(opening.cut, this.context.planted),
        isWholeLedger,
      });
      // Before the rows are read: what the sink has passed is in its table by then, or never.
      const settled = await forEachFamily((family) => fetchCommitted(admin, 'bq-sink', validatedTopic(family)));
      for (const family of FAMILIES) {
        for (let partition = 0; partition < PARTITIONS; partition++) {
          const records = await this.records(family, partition, opening.cut, cut);
          const range = {
            topic: validatedTopic(family),
            partition,
            from: opening.cut.families[family].validated[partition] ?? 0,
            until: cut.families[family].validated[partition] ?? 0,
          };
          const table = FAMILY_TABLES[family];
          comparison.add({
            ...records,
            family,
            rawTopic: rawTopic(family),
            partition,
            table,
            settled: settled[family][partition] ?? 0,
            rows: await this.context.tables.rows(table, range),
            streaming:
              family === 'orders'
                ? { deliveries: await this.context.tables.deliveries(range), rejected: records.rejectedByBridge }
                : undefined,
          });
        }
      }
      return { accounts: comparison.finish(), counterDifferences: counterDifferences(opening.cut, cut, comparison) };
    });
  }

  private async generated(mark: LedgerMark, events: number): Promise<{ done: boolean; mark: string }> {
    const { state, nextSeq, run } = await this.context.generator();
    if (state === 'failed') throw new Error('the generator failed: see its log');
    // One that was started again when nothing was left to do has not begun: it is `stopped`.
    const done = state !== 'running' && (await readLedgerSince(this.context.ledgerFolder, mark)).intents >= events;
    return { done, mark: JSON.stringify([nextSeq, run.acked]) };
  }

  /** Records that the bridge has dead-lettered since the cut: they are not awaited in its table. */
  private async rejectedByBridge(admin: Admin, from: Cut): Promise<number> {
    const ends = await fetchEnds(admin, deadLetterTopic(validatedTopic('orders'), 'pubsub-bridge'));
    return ends.reduce((sum, end, partition) => sum + end - (from.families.orders.rejectedByBridge[partition] ?? 0), 0);
  }

  private records(
    family: (typeof FAMILIES)[number],
    partition: number,
    from: Cut,
    until: Cut,
  ): Promise<PartitionRecords> {
    return readRecords(this.context.kafka, family, partition, from.families[family], until.families[family]);
  }

  private takeCut(admin: Admin): Promise<Cut> {
    const { kafka, validator, signal } = this.context;
    return takeCut({ kafka, admin, signal, readStatus: validator });
  }

  private async withAdmin<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
    const admin = this.context.kafka.admin();
    await admin.connect();
    try {
      return await work(admin);
    } finally {
      await admin.disconnect();
    }
  }
}

/** What was planted after the cut. */
function plantedSince(cut: Cut, planted = new PlantedRecords()): PlantedRecords {
  const evaluated = new Map<string, readonly number[]>(
    FAMILIES.map((family) => [rawTopic(family), cut.families[family].evaluated]),
  );
  return planted.since((topic, partition) => evaluated.get(topic)?.[partition] ?? 0);
}

/** Whether each position is at its goal. */
function reached(positions: readonly (number | undefined)[], goals: readonly number[]): boolean {
  return goals.every((goal, partition) => goal === 0 || (positions[partition] ?? 0) >= goal);
}

function counterDifferences(from: Cut, until: Cut, comparison: Comparison): string[] {
  const counted = comparison.verdicts();
  return (['accepted', 'repaired', 'skipped', 'deadLettered'] as const).flatMap((counter) => {
    const grown = FAMILIES.reduce(
      (sum, family) => sum + until.counters[family][counter] - from.counters[family][counter],
      0,
    );
    return grown === counted[counter]
      ? []
      : [`the validator counted ${String(grown)} ${counter}, the comparison ${String(counted[counter])}`];
  });
}
