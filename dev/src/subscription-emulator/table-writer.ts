import { type TableMetadata } from '@google-cloud/bigquery';
import {
  type AppendConnection,
  type BigQueryConnection,
  createBigQuery,
  createWriteClient,
  RowBuffer,
  RowEncoder,
  WriteStreams,
} from '@orderstream/bigquery';
import { type Column } from '@orderstream/contracts';
import { SUBSCRIPTION_METADATA } from '@orderstream/pubsub';

import { type BigQueryTarget, type PulledMessage } from './pulled-subscription';

const TYPES: Readonly<Record<string, Column['type']>> = {
  STRING: 'STRING',
  INTEGER: 'INT64',
  INT64: 'INT64',
  NUMERIC: 'NUMERIC',
  TIMESTAMP: 'TIMESTAMP',
  BOOLEAN: 'BOOL',
  BOOL: 'BOOL',
};
const APPEND_TIMEOUT_MS = 30_000;

interface OpenStream {
  readonly encoder: RowEncoder;
  readonly connection: AppendConnection;
  offset: number;
}

/** The messages that were written, and those that were rejected because they are not rows of the table. */
export interface WriteResult {
  readonly written: readonly PulledMessage[];
  readonly rejected: readonly PulledMessage[];
}

/**
 * Writes messages as rows, mapped to the columns of the table by name.
 *
 * Failure semantics: at least once. `write` resolves after BigQuery has acknowledged the rows. After an error the
 * outcome is unknown; the writer closes the stream, and the caller writes the messages again.
 */
export class TableWriter {
  private readonly bigquery;
  private readonly client;
  private readonly streams: WriteStreams;
  private open: OpenStream | undefined;

  constructor(
    connection: BigQueryConnection,
    private readonly target: BigQueryTarget,
    private readonly subscription: string,
  ) {
    this.bigquery = createBigQuery(connection);
    this.client = createWriteClient(connection);
    this.streams = new WriteStreams(this.client);
  }

  async write(messages: readonly PulledMessage[]): Promise<WriteResult> {
    try {
      return await this.append(messages);
    } catch (error) {
      this.closeStream();
      throw error;
    }
  }

  async close(): Promise<void> {
    this.closeStream();
    await this.client.close();
  }

  private closeStream(): void {
    this.open?.connection.close();
    this.open = undefined;
  }

  private async append(messages: readonly PulledMessage[]): Promise<WriteResult> {
    this.open ??= await this.openStream();
    const { encoder, connection, offset } = this.open;
    const rows = new RowBuffer();
    const sent: PulledMessage[] = [];
    const rejected: PulledMessage[] = [];
    for (const message of messages) {
      const body = parseBody(message.data);
      const problem = body === undefined ? 'not a JSON object' : encoder.encode(body, this.metadata(message), rows);
      (problem === undefined ? sent : rejected).push(message);
    }
    if (sent.length === 0) return { written: [], rejected };
    const outcome = await connection.append(rows, offset);
    if (outcome.kind === 'appended') {
      this.open.offset += sent.length;
      return { written: sent, rejected };
    }
    // A connection cannot be used after an append that failed.
    this.closeStream();
    if (outcome.kind !== 'rejected')
      throw new Error(`append to ${this.target.table}: ${outcome.reason}, ${outcome.message}`);
    const bad = new Set(outcome.rows.map(({ index }) => sent[index]));
    const rest = await this.append(sent.filter((message) => !bad.has(message)));
    return {
      written: rest.written,
      rejected: [...rejected, ...sent.filter((message) => bad.has(message)), ...rest.rejected],
    };
  }

  private metadata(message: PulledMessage): Readonly<Record<string, unknown>> {
    const { attributes, orderingKey } = message;
    return {
      subscription_name: this.subscription,
      message_id: message.messageId,
      publish_time: message.publishedAtMs,
      attributes: JSON.stringify(orderingKey === '' ? attributes : { ...attributes, orderingKey }),
    };
  }

  /** Reads the schema of the table for each stream, so that a new stream has added columns. */
  private async openStream(): Promise<OpenStream> {
    const { dataset, table } = this.target;
    const [metadata] = (await this.bigquery.dataset(dataset).table(table).getMetadata()) as [TableMetadata, unknown];
    const columns = columnsOf(metadata);
    const own: ReadonlySet<string> = new Set(SUBSCRIPTION_METADATA);
    const encoder = new RowEncoder('StreamingRow', {
      body: columns.filter(({ name }) => !own.has(name)),
      metadata: columns.filter(({ name }) => own.has(name)),
    });
    const stream = await this.streams.create(this.target, encoder.columns);
    const options = { stream, schema: encoder.schema, appendTimeoutMs: APPEND_TIMEOUT_MS, maxInFlight: 1 };
    return { encoder, connection: await this.streams.connect(options), offset: 0 };
  }
}

function parseBody(data: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const body: unknown = JSON.parse(data.toString());
    const isObject = typeof body === 'object' && body !== null && !Array.isArray(body);
    return isObject ? (body as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    return undefined;
  }
}

function columnsOf({ schema }: TableMetadata): Column[] {
  const fields = typeof schema === 'object' && 'fields' in schema ? (schema.fields ?? []) : [];
  return fields.map((field) => {
    const type = TYPES[field.type ?? ''];
    if (type === undefined || field.name === undefined) {
      throw new Error(`the emulator does not support the type of column ${field.name ?? '?'}: ${field.type ?? 'none'}`);
    }
    const mode = field.mode === 'REQUIRED' ? 'REQUIRED' : 'NULLABLE';
    return { name: field.name, type, mode, description: '', personal: false };
  });
}
