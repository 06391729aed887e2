import { protos, type v1 } from '@google-cloud/bigquery-storage';
import { status } from '@grpc/grpc-js';

import { AppendCall, type Answer, type ProtoSchema } from './append-call';
import { COLUMNS, row, SCHEMA, schemaOf } from './rows';
import { StorageErrorCode } from './src/status';
import type { TableColumn } from './src/table';

/** A Write API under test. */
export interface WriteApi {
  readonly client: v1.BigQueryWriteClient;
  /** Creates an empty table and returns its path. */
  createTable(columns: readonly TableColumn[]): Promise<string>;
  /** Adds a column to the schema. Appends may use it after `propagateColumns`. */
  addColumn(table: string, column: TableColumn): Promise<void>;
  propagateColumns(table: string): void;
  /** Ids of the rows of the table, ascending. */
  ids(table: string): Promise<number[]>;
  close(): Promise<void>;
}

/** The behavior in which implementations differ. */
export interface Behavior {
  /** The error of an append, finalize or get for a stream that does not exist. */
  readonly unknownStream: status;
  /** The error of an append to a finalized stream. */
  readonly finalized: status;
  /** Whether errors have a StorageError in their details. */
  readonly storageErrors: boolean;
  /** The status of a call whose first request has no schema. */
  readonly noSchema: status;
  /** Whether a field without a column is rejected with SCHEMA_MISMATCH_EXTRA_FIELDS. */
  readonly extraFields: boolean;
  /** Whether a request of 10 MB or more is rejected. */
  readonly requestLimit: boolean;
  /** Whether an offset for the default stream is rejected. */
  readonly noOffsetOnDefault: boolean;
  /** Whether a response reports new columns. */
  readonly updatedSchema: boolean;
}

/** The documented behavior of google.cloud.bigquery.storage.v1.BigQueryWrite. */
export const DOCUMENTED: Behavior = {
  unknownStream: status.NOT_FOUND,
  finalized: status.FAILED_PRECONDITION,
  storageErrors: true,
  noSchema: status.INVALID_ARGUMENT,
  extraFields: true,
  requestLimit: true,
  noOffsetOnDefault: true,
  updatedSchema: true,
};

/** The behavior of the BigQuery emulator. Our client translates its status codes for unknown and finalized streams. */
export const EMULATOR: Behavior = {
  ...DOCUMENTED,
  storageErrors: false,
  noSchema: status.INTERNAL,
  extraFields: false,
  requestLimit: false,
  noOffsetOnDefault: false,
  updatedSchema: false,
};

const EXTRA = { name: 'extra', type: 'STRING', mode: 'NULLABLE' } as const;
const COMMITTED = protos.google.cloud.bigquery.storage.v1.WriteStream.Type.COMMITTED;
const PENDING = protos.google.cloud.bigquery.storage.v1.WriteStream.Type.PENDING;

/** The contract of every Write API that this project writes to. */
export function writeApiFeatures(open: () => Promise<WriteApi>, behavior: Behavior): void {
  let api: WriteApi;
  let table: string;
  const calls: AppendCall[] = [];
  beforeAll(async () => {
    api = await open();
  });
  afterAll(() => api.close());
  beforeEach(async () => {
    table = await api.createTable(COLUMNS);
  });
  afterEach(() => {
    for (const call of calls.splice(0)) call.cancel();
  });

  const createStream = async (type: typeof COMMITTED | typeof PENDING = COMMITTED): Promise<string> => {
    const [{ name }] = await api.client.createWriteStream({ parent: table, writeStream: { type } });
    return name ?? '';
  };
  const finalize = async (name: string): Promise<number> => {
    const [{ rowCount }] = await api.client.finalizeWriteStream({ name });
    return Number(rowCount ?? 0);
  };
  const connect = async (stream: string, schema: ProtoSchema = SCHEMA): Promise<AppendCall> => {
    const call = await AppendCall.open(api.client, stream, schema);
    calls.push(call);
    return call;
  };
  const rows = (from: number, count: number): Buffer[] =>
    Array.from({ length: count }, (_, index) => row(from + index));
  const error = (code: status, storageError?: keyof typeof StorageErrorCode): Answer => ({
    error: {
      code,
      ...(behavior.storageErrors && storageError ? { storageError: StorageErrorCode[storageError] } : {}),
    },
  });

  describe('a COMMITTED stream', () => {
    it('appends rows at the offsets that were sent, and shows them once they are acknowledged', async () => {
      const call = await connect(await createStream());
      expect(await call.append(rows(0, 3), 0)).toEqual({ offset: 0 });
      expect(await call.append(rows(3, 2), 3)).toEqual({ offset: 3 });
      expect(await api.ids(table)).toEqual([0, 1, 2, 3, 4]);
    });

    it('appends at the end when no offset is sent', async () => {
      const call = await connect(await createStream());
      expect(await call.append(rows(0, 2), undefined)).toEqual({ offset: 0 });
      expect(await call.append(rows(2, 1), undefined)).toEqual({ offset: 2 });
    });

    it('answers several appends in flight in the order in which they were sent', async () => {
      const call = await connect(await createStream());
      const offsets = [0, 10, 20, 30];
      const sent = await Promise.all(offsets.map((offset) => call.append(rows(offset, 10), offset)));
      expect(sent).toEqual(offsets.map((offset) => ({ offset })));
    });

    it('answers ALREADY_EXISTS below its end and OUT_OF_RANGE above, appends nothing, and goes on', async () => {
      const call = await connect(await createStream());
      await call.append(rows(0, 3), 0);
      expect(await call.append(rows(90, 1), 2)).toEqual(error(status.ALREADY_EXISTS, 'OFFSET_ALREADY_EXISTS'));
      expect(await call.append(rows(90, 1), 4)).toEqual(error(status.OUT_OF_RANGE, 'OFFSET_OUT_OF_RANGE'));
      expect(await call.append(rows(3, 1), 3)).toEqual({ offset: 3 });
      expect(await api.ids(table)).toEqual([0, 1, 2, 3]);
    });

    it('reports rejected rows by index, appends nothing of their request, and accepts the next one', async () => {
      const call = await connect(await createStream());
      const bad = [row(0), row(1, { price: 'much' }), row(2)];
      expect(await call.append(bad, 0)).toEqual({ ...error(status.INVALID_ARGUMENT), rejected: [1] });
      expect(await call.append(rows(3, 1), 3)).toEqual(error(status.OUT_OF_RANGE, 'OFFSET_OUT_OF_RANGE'));
      expect(await call.append([row(0), row(2)], 0)).toEqual({ offset: 0 });
      expect(await api.ids(table)).toEqual([0, 2]);
    });

    it('rejects a row without a required field', async () => {
      const call = await connect(await createStream());
      expect(await call.append([row(0, { name: null })], 0)).toMatchObject({ rejected: [0] });
    });

    it('accepts one of two appends at the same offset on two connections', async () => {
      const stream = await createStream();
      const [first, second] = await Promise.all([connect(stream), connect(stream)]);
      const both = await Promise.all([first.append(rows(0, 1), 0), second.append(rows(0, 1), 0)]);
      expect(both).toEqual(
        expect.arrayContaining([{ offset: 0 }, error(status.ALREADY_EXISTS, 'OFFSET_ALREADY_EXISTS')]),
      );
      expect(await api.ids(table)).toEqual([0]);
    });

    it('has a name in its table, a type and the columns of the table', async () => {
      const [created] = await api.client.createWriteStream({ parent: table, writeStream: { type: COMMITTED } });
      expect(created.name).toMatch(new RegExp(`^${table}/streams/[^/]+$`));
      expect((created.tableSchema?.fields ?? []).map(({ name }) => name)).toEqual(COLUMNS.map(({ name }) => name));
      const [found] = await api.client.getWriteStream({ name: created.name ?? '' });
      expect([found.name, found.type]).toEqual([created.name, 'COMMITTED']);
    });
  });

  describe('FinalizeWriteStream', () => {
    it('returns the row count, can be repeated, and ends appends on every connection', async () => {
      const stream = await createStream();
      const call = await connect(stream);
      await call.append(rows(0, 7), 0);
      expect(await finalize(stream)).toBe(7);
      expect(await call.append(rows(7, 1), 7)).toEqual(error(behavior.finalized, 'STREAM_FINALIZED'));
      expect(await (await connect(stream)).append(rows(7, 1), 7)).toEqual(
        error(behavior.finalized, 'STREAM_FINALIZED'),
      );
      expect(await finalize(stream)).toBe(7);
      expect(await api.ids(table)).toHaveLength(7);
    });

    it('returns 0 for an empty stream', async () => {
      expect(await finalize(await createStream())).toBe(0);
    });

    it('rejects the default stream', async () => {
      await expect(finalize(`${table}/streams/_default`)).rejects.toMatchObject({ code: status.NOT_FOUND });
    });
  });

  describe('a stream that does not exist', () => {
    const missing = (): string => `${table}/streams/never-created`;
    it('cannot be finalized', async () => {
      await expect(finalize(missing())).rejects.toMatchObject({ code: behavior.unknownStream });
    });

    it('cannot be found', async () => {
      await expect(api.client.getWriteStream({ name: missing() })).rejects.toMatchObject({
        code: behavior.unknownStream,
      });
    });

    it('ends a call that appends to it', async () => {
      expect(await (await connect(missing())).append(rows(0, 1), 0)).toEqual({ ended: behavior.unknownStream });
    });
  });

  it('rejects a new stream for a table that does not exist', async () => {
    const parent = `${table}_missing`;
    await expect(api.client.createWriteStream({ parent, writeStream: { type: COMMITTED } })).rejects.toMatchObject({
      code: status.NOT_FOUND,
    });
  });

  it('ends a call whose first request has no schema', async () => {
    const call = await AppendCall.open(api.client, await createStream(), undefined);
    calls.push(call);
    expect(await call.append(rows(0, 1), 0)).toEqual({ ended: behavior.noSchema });
  });

  it('accepts rows of several connections on the default stream of a table, and returns no offsets', async () => {
    const [first, second] = await Promise.all([
      connect(`${table}/streams/_default`),
      connect(`${table}/streams/_default`),
    ]);
    expect(await first.append(rows(0, 2), undefined)).toEqual({ offset: undefined });
    expect(await second.append(rows(2, 1), undefined)).toEqual({ offset: undefined });
    expect(await api.ids(table)).toEqual([0, 1, 2]);
  });

  if (behavior.noOffsetOnDefault) {
    it('rejects an offset on the default stream', async () => {
      const call = await connect(`${table}/streams/_default`);
      expect(await call.append(rows(0, 1), 0)).toEqual(error(status.INVALID_ARGUMENT));
      expect(await api.ids(table)).toEqual([]);
    });
  }

  it('shows rows of a PENDING stream after its commit, which succeeds once', async () => {
    const stream = await createStream(PENDING);
    const call = await connect(stream);
    expect(await call.append(rows(0, 2), 0)).toEqual({ offset: 0 });
    expect(await api.ids(table)).toEqual([]);
    const commit = { parent: table, writeStreams: [stream] };
    const [early] = await api.client.batchCommitWriteStreams(commit);
    expect([early.commitTime, early.streamErrors?.length]).toEqual([null, 1]);
    expect(await finalize(stream)).toBe(2);
    const [done] = await api.client.batchCommitWriteStreams(commit);
    expect(done.streamErrors).toEqual([]);
    const [again] = await api.client.batchCommitWriteStreams(commit);
    expect(again.streamErrors).toHaveLength(1);
    expect(await api.ids(table)).toEqual([0, 1]);
  });

  if (behavior.extraFields) {
    it('rejects fields without a column, and those of a new column until it is propagated', async () => {
      const call = await connect(await createStream(), schemaOf([...COLUMNS, EXTRA]));
      const rejected = error(status.INVALID_ARGUMENT, 'SCHEMA_MISMATCH_EXTRA_FIELDS');
      expect(await call.append(rows(0, 1), 0)).toEqual(rejected);
      await api.addColumn(table, EXTRA);
      // A new stream has the column in its schema at once, but neither stream accepts it yet.
      const [created] = await api.client.createWriteStream({ parent: table, writeStream: { type: COMMITTED } });
      expect((created.tableSchema?.fields ?? []).map(({ name }) => name)).toContain('extra');
      const fresh = await connect(created.name ?? '', schemaOf([...COLUMNS, EXTRA]));
      expect([await call.append(rows(0, 1), 0), await fresh.append(rows(1, 1), 0)]).toEqual([rejected, rejected]);
      api.propagateColumns(table);
      expect(await call.append(rows(0, 1), 0)).toEqual({ offset: 0 });
      expect(await fresh.append(rows(1, 1), 0)).toEqual({ offset: 0 });
      expect(await api.ids(table)).toEqual([0, 1]);
    });
  }

  if (behavior.updatedSchema) {
    it('reports new columns in one response of a call', async () => {
      const call = await connect(await createStream());
      await call.append(rows(0, 1), 0);
      await api.addColumn(table, EXTRA);
      expect(await call.append(rows(1, 1), 1)).toEqual({ offset: 1 });
      api.propagateColumns(table);
      const updatedColumns = [...COLUMNS.map(({ name }) => name), 'extra'];
      expect(await call.append(rows(2, 1), 2)).toEqual({ offset: 2, updatedColumns });
      expect(await call.append(rows(3, 1), 3)).toEqual({ offset: 3 });
    });
  }

  if (behavior.requestLimit) {
    it('rejects a request of 10 MB', async () => {
      const call = await connect(await createStream());
      const large = row(0, { name: 'x'.repeat(10_000_000) });
      expect(await call.append([large], 0)).toEqual(error(status.INVALID_ARGUMENT));
      expect(await call.append(rows(0, 1), 0)).toEqual({ offset: 0 });
    });
  }
}
