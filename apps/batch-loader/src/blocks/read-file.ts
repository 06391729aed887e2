import { createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { RAW_ORDER_COLUMNS } from '@orderstream/contracts';
import { Database } from '../duckdb/database';
import { BatchInputError } from '../errors';
import { parseMapping } from '../files/column-mapping';
import { createRows } from '../files/order-source';
import { type BlockOutput, type FileSource } from '../runs/run';
import { openGoogleFile } from '../store/google-store';
import { type Block, type BlockContext } from './block';

/**
 * Reads a file of orders and writes it as Parquet, as `generate_data` writes those of the simulation.
 *
 * Failure semantics: reads only. A file that changes between two attempts is read as it then is.
 */
export class ReadFile implements Block {
  readonly name = 'read_file';

  constructor(
    private readonly memoryMb: number,
    private readonly googleEndpoint: string | undefined,
  ) {}

  async run(context: BlockContext): Promise<BlockOutput> {
    const { uri, mapping: text } = context.run.plan.source as FileSource;
    const mapping = parseMapping(uri, text);
    const { folder, signal } = context;
    const database = await Database.open({ folder, memoryMb: this.memoryMb, keepsOrder: true, signal });
    try {
      const path = await this.fetch(uri, database.path('original'));
      if (mapping.format === 'parquet') await assertNotEmpty(path, uri);
      signal.throwIfAborted();
      await createRows(database, path, mapping, uri, signal);
      const [counted] = await database.rows('select cast(count(*) as integer) as n from rows');
      const rows = Number(counted?.n ?? 0);
      if (rows === 0) {
        throw new BatchInputError(`${uri} has no rows. It would empty the range in raw_orders. Nothing was loaded.`);
      }
      const file = database.path('orders.parquet');
      await database.run(`copy (select row_number, ${RAW_ORDER_COLUMNS.join(', ')}, problem from rows)
        to '${file}' (format parquet, compression zstd)`);
      const key = `${context.prefix}/orders-00000.parquet`;
      await context.store.putFile(key, file);
      await context.step('wrote orders-00000.parquet');
      return { rowsIn: rows, rowsOut: rows, rejected: {}, files: [key] };
    } finally {
      await database.close();
    }
  }

  /** Path of the file on this machine. */
  private async fetch(uri: string, target: string): Promise<string> {
    if (!uri.startsWith('gs://')) {
      const found = await stat(uri).catch(() => undefined);
      if (found?.isFile() !== true) throw new BatchInputError(`${uri} is not a file that this process can read.`);
      return uri;
    }
    try {
      await pipeline(openGoogleFile(uri, this.googleEndpoint), createWriteStream(target));
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new BatchInputError(`${uri} cannot be read: ${why}`, {
        cause,
        retriable: !/no such object|not found/i.test(why),
      });
    }
    return target;
  }
}

async function assertNotEmpty(path: string, uri: string): Promise<void> {
  const { size } = await stat(path);
  if (size === 0) throw new BatchInputError(`${uri} is empty. Nothing was loaded.`);
}
