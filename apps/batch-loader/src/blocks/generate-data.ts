import { type OrderPlaced, RAW_ORDER_COLUMNS } from '@orderstream/contracts';
import { type DuckDBAppender } from '@duckdb/node-api';
import { Database } from '../duckdb/database';
import { appendOrder, ORDER_TEXTS_DDL, type OrderTexts } from '../orders/order-rows';
import { historyOf, type ScenarioLoader } from '../orders/simulated-history';
import { type StreamedDays, streamedOrdersOf } from '../orders/streamed-days';
import { type BlockOutput, partitionsOf, type SimulationSource } from '../runs/run';
import { type Block, type BlockContext } from './block';

/** Rows of one Parquet file. The memory of the block depends on it, and not on the number of orders. */
const PART_ROWS = 250_000;
/** Orders between two looks at the abort signal. */
const YIELD_ROWS = 2_000;

/**
 * Writes the simulation's orders of the run's days as Parquet files: of the days that the stream covers those that the
 * generator has sent, of the others those of the history.
 *
 * Failure semantics: a function of the plan and the generator's journal. An attempt that is killed leaves files that no run
 * refers to.
 */
export class GenerateData implements Block {
  readonly name = 'generate_data';

  constructor(
    private readonly memoryMb: number,
    private readonly loadScenario: ScenarioLoader,
    /** Folder of the generator's journal; undefined: every day is of the history. */
    private readonly journal: string | undefined,
  ) {}

  async run(context: BlockContext): Promise<BlockOutput> {
    const { folder, signal } = context;
    const database = await Database.open({ folder, memoryMb: this.memoryMb, signal });
    try {
      const output = new OrderFiles(database, context);
      // First: quality_checks knows them by their numbers.
      const stream = await this.writeStream(output, context);
      await this.writeHistory(output, stream.days, context);
      const files = await output.end();
      const details = { stream };
      return { rowsIn: 0, rowsOut: output.rows, rejected: {}, files, details };
    } finally {
      await database.close();
    }
  }

  private async writeStream(output: OrderFiles, { run, signal }: BlockContext): Promise<StreamedDays> {
    const orders = streamedOrdersOf(this.journal, run.plan.range);
    for (;;) {
      const { done, value } = orders.next();
      if (done === true) return value;
      if (value !== undefined) await output.add(textsOf(value));
      else await yieldTo(signal);
    }
  }

  /** The orders of the days that are not the stream's. */
  private async writeHistory(output: OrderFiles, except: readonly string[], context: BlockContext): Promise<void> {
    const { plan } = context.run;
    const history = historyOf(plan.source as SimulationSource, plan.range, this.loadScenario);
    const [fromMs, toMs] = [Date.parse(plan.range.from), Date.parse(plan.range.to)];
    for (const day of partitionsOf(plan.range, 'day').filter(({ from }) => !except.includes(from))) {
      for (const { placedMicros, body } of history.ordersPlaced(Date.parse(day.from), Date.parse(day.to))) {
        await output.add(textsOf(body));
        if (output.rows % YIELD_ROWS !== 0) continue;
        context.progress(placedMicros / 1_000 - fromMs, toMs - fromMs);
        await yieldTo(context.signal);
      }
      context.signal.throwIfAborted();
    }
  }
}

/** Gives the timer of the lease a chance. @throws the reason of the signal */
async function yieldTo(signal: AbortSignal): Promise<void> {
  await new Promise(setImmediate);
  signal.throwIfAborted();
}

function textsOf(body: OrderPlaced): OrderTexts {
  const texts: Partial<Record<keyof OrderTexts, string | null>> = {};
  for (const name of RAW_ORDER_COLUMNS) {
    const value = body[name];
    texts[name] = value === null || value === undefined ? null : String(value);
  }
  return texts as OrderTexts;
}

/** Parquet files of at most `PART_ROWS` orders each. */
class OrderFiles {
  rows = 0;
  private readonly files: string[] = [];
  private appender: DuckDBAppender | undefined;

  constructor(
    private readonly database: Database,
    private readonly context: BlockContext,
  ) {}

  async add(order: OrderTexts): Promise<void> {
    if (this.appender === undefined) {
      await this.database.run(`create or replace table part (${ORDER_TEXTS_DDL})`);
      this.appender = await this.database.appender('part');
    }
    appendOrder(this.appender, this.rows, order);
    this.rows++;
    if (this.rows % PART_ROWS === 0) await this.writeFile();
  }

  /** Returns the keys of the files. There is at least one. */
  async end(): Promise<readonly string[]> {
    if (this.appender === undefined && this.files.length === 0) {
      await this.database.run(`create or replace table part (${ORDER_TEXTS_DDL})`);
      this.appender = await this.database.appender('part');
    }
    if (this.appender !== undefined) await this.writeFile();
    return this.files;
  }

  private async writeFile(): Promise<void> {
    const { database, context, files } = this;
    this.appender?.closeSync();
    this.appender = undefined;
    const name = `orders-${String(files.length).padStart(5, '0')}.parquet`;
    const path = database.path(name);
    await database.run(`copy part to '${path}' (format parquet, compression zstd)`);
    await context.store.putFile(`${context.prefix}/${name}`, path);
    files.push(`${context.prefix}/${name}`);
    await context.step(`wrote ${name}`);
  }
}
