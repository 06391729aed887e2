import { mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type DuckDBAppender, DuckDBConnection, DuckDBInstance, type DuckDBValue } from '@duckdb/node-api';

export interface DatabaseOptions {
  /** Its file and what does not fit into memory are written here. */
  readonly folder: string;
  readonly memoryMb: number;
  readonly threads?: number;
  /** Whether rows stay in the order of the file. It needs more memory. */
  readonly keepsOrder?: boolean;
  /** Interrupts a statement that takes minutes. */
  readonly signal?: AbortSignal;
}

/**
 * A DuckDB database in a folder of its own, which `close` deletes: it sorts, joins and counts more rows than fit into
 * memory, and reads and writes Parquet, CSV and JSON.
 */
export class Database {
  private constructor(
    readonly folder: string,
    private readonly instance: DuckDBInstance,
    private readonly connection: DuckDBConnection,
    private readonly signal: AbortSignal | undefined,
  ) {
    signal?.addEventListener('abort', this.interrupt);
  }

  static async open({ folder, memoryMb, threads = 2, keepsOrder = false, signal }: DatabaseOptions): Promise<Database> {
    signal?.throwIfAborted();
    mkdirSync(folder, { recursive: true });
    const instance = await DuckDBInstance.create(join(folder, 'work.duckdb'), {
      memory_limit: `${memoryMb}MB`,
      threads: String(threads),
      temp_directory: join(folder, 'spilled'),
      preserve_insertion_order: String(keepsOrder),
      // Nothing is downloaded: Parquet, JSON and time zones are part of the package.
      autoinstall_known_extensions: 'false',
    });
    const connection = await DuckDBConnection.create(instance);
    await connection.run("set timezone = 'UTC'");
    return new Database(folder, instance, connection, signal);
  }

  private readonly interrupt = (): void => {
    this.connection.interrupt();
  };

  async run(sql: string, values?: Record<string, DuckDBValue>): Promise<void> {
    await this.connection.run(sql, values);
  }

  /** All rows, by column name. For small results. */
  async rows(sql: string, values?: Record<string, DuckDBValue>): Promise<Record<string, DuckDBValue>[]> {
    const result = await this.connection.runAndReadAll(sql, values);
    return result.getRowObjects();
  }

  /** The columns of one chunk of rows after the other. */
  async *chunks(sql: string): AsyncGenerator<DuckDBValue[][]> {
    const result = await this.connection.stream(sql);
    for (;;) {
      const chunk = await result.fetchChunk();
      if (chunk === null || chunk.rowCount === 0) return;
      yield chunk.getColumns();
    }
  }

  appender(table: string): Promise<DuckDBAppender> {
    return this.connection.createAppender(table);
  }

  /** Path of a file in the folder. */
  path(name: string): string {
    return join(this.folder, name);
  }

  async close(): Promise<void> {
    this.signal?.removeEventListener('abort', this.interrupt);
    this.connection.closeSync();
    this.instance.closeSync();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** A text in SQL. */
export const sqlText = (text: string): string => `'${text.replaceAll("'", "''")}'`;
