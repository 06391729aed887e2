"""Starts local-bigquery, a BigQuery emulator, with patches.

local-bigquery 0.4.0 stores its data in DuckLake and downloads DuckDB extensions at the start. With the first patch it
stores plain DuckDB files in the data folder and works offline. The other patches bring its behaviour closer to that of
BigQuery; each `install_*` function describes one.

The patches replace internals of the package, so requirements.in pins the versions.

Usage: local_bigquery_launcher.py --host H --port P --grpc-port P --project NAME --data-dir DIR
"""

import concurrent.futures
import functools
import os
import re
import threading
import time

import duckdb
import grpc
import pyarrow
from google.cloud.bigquery_storage_v1 import types
from google.protobuf.descriptor import FieldDescriptor
from local_bigquery import app  # imports every module before it is patched
from local_bigquery.api import jobs as api_jobs
from local_bigquery.catalog import datasets, tables
from local_bigquery.engine import database
from local_bigquery.errors import BigQueryError
from local_bigquery.grpc import server, write
from local_bigquery.jobs import query
from local_bigquery.settings import settings

PROJECT_FILE_SUFFIX = ".project.duckdb"

# An AppendRows connection occupies a worker until it closes. The package has 16 workers; a sink has a connection for
# each of 24 partitions, and two during a handover.
MAX_OPEN_APPEND_STREAMS = 256

# BigQuery accepts 10 MB, gRPC 4 MiB by default. Slightly more, so that the server can answer larger requests.
MAX_REQUEST_BYTES = 11 << 20
MAX_RESPONSE_BYTES = 64 << 20


def install_plain_duckdb_storage() -> None:
    """Stores each project in its own DuckDB file, attached at first use, instead of in DuckLake."""

    def attach(connection, project_id):
        path = settings.data_dir / f"{project_id}{PROJECT_FILE_SUFFIX}"
        connection.execute(f"ATTACH IF NOT EXISTS '{path}' AS {database.quote(project_id)}")
        database._attached.add(project_id)

    @functools.cache
    def connect():
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        memory_limit = os.environ.get("LOCAL_BIGQUERY_MEMORY", "2GB")
        connection = duckdb.connect(config={"memory_limit": memory_limit})
        connection.execute("SET GLOBAL TimeZone = 'UTC'")
        connection.execute(f"ATTACH '{settings.data_dir / 'emulator.duckdb'}' AS emulator")
        connection.execute(database.EMULATOR_SCHEMA)
        connection.execute("ATTACH ':memory:' AS bq")
        database.native.register(connection)
        for path in database.FUNCTIONS:
            if path.stem != "geography":  # ST_* functions need the spatial extension, which is a download
                connection.execute(database.MACRO.sub(r"CREATE MACRO bq.main.\1", path.read_text()))
        stored = {
            path.name.removesuffix(PROJECT_FILE_SUFFIX) for path in settings.data_dir.glob("*" + PROJECT_FILE_SUFFIX)
        }
        for project_id in stored | {settings.default_project_id}:
            attach(connection, project_id)
        schema = database.quote(settings.default_project_id, settings.default_dataset_id)
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        return connection

    database._attach = attach
    database._connect = connect
    database.projects = lambda: sorted(database._attached)


def install_create_table_as_select_destination() -> None:
    """Reports the destination table of CREATE TABLE AS SELECT jobs, which dbt reads. The jobs still return no rows.

    Also accepts `SET (variable) = (SELECT AS STRUCT ...)`, which the insert_overwrite script of dbt uses.
    """
    set_one_variable = re.compile(r"\bset\s*\(\s*(\w+)\s*\)\s*=\s*\(\s*select\s+as\s+struct\b", re.IGNORECASE)
    original_execute, original_results = query.execute, api_jobs.results

    def execute(cursor, project_id, job_id, config, *args, **kwargs):
        rewritten = config.replace(query=set_one_variable.sub(r"SET \1 = (SELECT", config.query or ""))
        statistics, children, destination = original_execute(cursor, project_id, job_id, rewritten, *args, **kwargs)
        if destination is None and statistics.statementType == "CREATE_TABLE_AS_SELECT":
            destination = statistics.ddlTargetTable
        return statistics, children, destination

    def results(job, *args):
        statistics = job.statistics.query
        if statistics and statistics.statementType == "CREATE_TABLE_AS_SELECT":
            config = job.configuration
            job = job.replace(configuration=config.replace(query=config.query.without("destinationTable")))
        return original_results(job, *args)

    query.execute = execute
    api_jobs.results = results


def install_partition_decorators() -> None:
    """Accepts `table$YYYYMMDD` destinations: a load, copy or query truncates or appends to that partition."""
    original_write, original_columns = tables.write, tables.columns
    format_by_length = {4: "%Y", 6: "%Y%m", 8: "%Y%m%d", 10: "%Y%m%d%H"}

    def write(cursor, sql, params, reference, config, default="WRITE_EMPTY", *args, **kwargs):
        project, dataset, table_id = reference
        base, _, partition = table_id.partition("$")
        if not partition:
            return original_write(cursor, sql, params, reference, config, default, *args, **kwargs)
        partitioning = tables.load(project, dataset, base).timePartitioning
        date_format = format_by_length.get(len(partition))
        if not partitioning or not partitioning.field or not date_format or not partition.isdigit():
            raise BigQueryError("invalid", f"Invalid table partition {table_id}")
        field = database.quote(partitioning.field)
        inside = f"strftime({field}, '{date_format}') IS NOT DISTINCT FROM '{partition}'"
        table = tables.name(project, dataset, base)
        with database.writing(project, dataset, base):
            cursor.execute(f"CREATE OR REPLACE TEMP TABLE __part AS SELECT * FROM {table} LIMIT 0")
            cursor.execute(f"INSERT INTO __part BY NAME {sql}", params)
            if cursor.execute(f"SELECT count(*) FROM __part WHERE NOT ({inside})").fetchone()[0]:
                raise BigQueryError(
                    "invalid",
                    f"Some rows belong to different partitions rather than destination partition {partition}",
                )
            cursor.execute("BEGIN")
            try:
                if (config.writeDisposition or default) == "WRITE_TRUNCATE":
                    cursor.execute(f"DELETE FROM {table} WHERE {inside}")
                cursor.execute(f"INSERT INTO {table} BY NAME SELECT * FROM __part")
                cursor.execute("COMMIT")
            except Exception:
                cursor.execute("ROLLBACK")
                raise
        return False

    def columns(project, dataset, table_id):
        return original_columns(project, dataset, table_id.partition("$")[0])

    tables.write = write
    tables.columns = columns


def install_exact_row_counts() -> None:
    """Counts the rows of a table for its metadata. The estimate of DuckDB includes deleted rows."""
    original_get = tables.get

    def get(project, dataset, table_id, *args, **kwargs):
        base = table_id.partition("$")[0]
        table = original_get(project, dataset, base, *args, **kwargs)
        if table.type == "TABLE" and table.numRows not in (None, "0"):
            [(rows,)] = database.fetch(f"SELECT count(*) FROM {tables.name(project, dataset, base)}")
            table = table.replace(numRows=str(rows))
        return table

    tables.get = get


def install_write_api_limits() -> None:
    """Accepts enough append connections and requests of the same size as BigQuery."""
    original_server = grpc.server

    def create_server(_pool):
        return original_server(
            concurrent.futures.ThreadPoolExecutor(max_workers=MAX_OPEN_APPEND_STREAMS),
            options=[
                ("grpc.max_receive_message_length", MAX_REQUEST_BYTES),
                ("grpc.max_send_message_length", MAX_RESPONSE_BYTES),
                # By default gRPC closes connections with pings more often than every 5 minutes.
                ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
            ],
        )

    server.grpc.server = create_server


def install_atomic_creates() -> None:
    """Creates datasets and tables one after the other, so that all concurrent creates but the first fail with 409.

    The package checks for existence and then creates. Of two concurrent creates one fails with DuckDB's "write-write
    conflict", reported as an invalid query; the services expect the error of BigQuery.
    """
    guard = threading.Lock()

    def serialized(create):
        @functools.wraps(create)
        def guarded(*args, **kwargs):
            with guard:
                return create(*args, **kwargs)

        return guarded

    datasets.create = serialized(datasets.create)
    tables.create = serialized(tables.create)


def install_atomic_appends() -> None:
    """Serializes the appends and finalizes of a stream, as BigQuery does, and inserts rows as columns.

    The package reads the offset of a stream, inserts the rows, and then advances the offset. In between, an append of
    another connection at the same offset also succeeds, and a finalize returns a row count without rows that are
    inserted later.

    The package also converts each row to JSON and back, twice: 3,000 rows per second on two cores. The patch inserts a
    request as Arrow columns. Requests that it does not support (rows with errors, records, Arrow rows, streams other
    than COMMITTED) are passed to the package, which reports the errors of each row.
    """
    guard = threading.Lock()
    locks = {}

    def lock_of(stream_name):
        with guard:
            return locks.setdefault(stream_name, threading.Lock())

    def append(requests):
        name, decode, message = None, None, None
        for request in requests:
            name = request.write_stream or name
            stream = write._stream(name)
            descriptor = request.proto_rows.writer_schema.proto_descriptor
            if descriptor.name:
                message = write._message_class(descriptor)
            decode = write._decoder(request) or decode
            offset = request.offset if "offset" in request else None
            with lock_of(stream.name):
                response = append_columns(stream, message, request, offset)
                if response is None:
                    rows = decode(request, tables.columns(*stream.table))
                    response = write._append(stream, rows, offset)
            yield response

    def finalize(request):
        with lock_of(request.name):
            return write.finalize(request)

    service = server.SERVICES["google.cloud.bigquery.storage.v1.BigQueryWrite"]
    service["AppendRows"] = server._streaming(
        append, types.AppendRowsRequest, types.AppendRowsResponse, bidirectional=True
    )
    service["FinalizeWriteStream"] = server._unary(
        finalize, types.FinalizeWriteStreamRequest, types.FinalizeWriteStreamResponse
    )


# BigQuery keeps the result of a query for 24 hours. A client reads a small one at once, and pages through a large one.
SMALL_RESULT_ROWS = 1_000
SMALL_RESULT_SECONDS = int(os.environ.get("LOCAL_BIGQUERY_RESULT_SECONDS", "600"))
LARGE_RESULT_SECONDS = 6 * SMALL_RESULT_SECONDS
EXPIRED_RESULTS = f"""
SELECT table_name FROM duckdb_tables() AS result
JOIN emulator.main.jobs AS job ON result.table_name = concat(job.project_id, ':', job.job_id)
WHERE result.database_name = 'emulator' AND result.schema_name = '_results' AND job.state = 'DONE'
AND CAST(job.resource ->> '$.statistics.endTime' AS BIGINT) < ? - 1000 *
    CASE WHEN result.estimated_size > {SMALL_RESULT_ROWS} THEN {LARGE_RESULT_SECONDS} ELSE {SMALL_RESULT_SECONDS} END
"""


def install_expiry_of_results():
    """Drops the results of queries after a while. The package keeps each in a table of its own for good, and looks up tables in the
    list of all of them, twenty times in a query: after 6,000 queries, which the live line of the stack makes in two hours, that
    takes a second."""

    def drop_expired():
        for (table,) in database.fetch(EXPIRED_RESULTS, [int(time.time() * 1000)]):
            database.execute(f"DROP TABLE IF EXISTS {database.quote('emulator', '_results', table)}")

    def run():
        while True:
            time.sleep(SMALL_RESULT_SECONDS / 20)
            try:
                drop_expired()
            except duckdb.Error as error:
                print(f"The results of old queries are not dropped: {error}", flush=True)

    threading.Thread(target=run, name="expiry of results", daemon=True).start()


ARROW_TYPES = {
    FieldDescriptor.CPPTYPE_INT32: pyarrow.int32(),
    FieldDescriptor.CPPTYPE_INT64: pyarrow.int64(),
    FieldDescriptor.CPPTYPE_DOUBLE: pyarrow.float64(),
    FieldDescriptor.CPPTYPE_BOOL: pyarrow.bool_(),
    FieldDescriptor.CPPTYPE_STRING: pyarrow.string(),
}

# The columns of a table are cached for this time. BigQuery takes minutes until a stream accepts a new column.
COLUMNS_CACHE_SECONDS = 1.0


def append_columns(stream, message, request, offset):
    """Appends the rows of the request as columns. Returns None, without any effect, for an unsupported request."""
    if stream.type != write.Type.COMMITTED or stream.name.endswith("/_default") or stream.finalized:
        return None
    rows = types.AppendRowsRequest.pb(request).proto_rows.rows.serialized_rows
    if message is None or not rows or offset not in (None, stream.count):
        return None
    known = columns_of(stream.table, int(time.monotonic() / COLUMNS_CACHE_SECONDS))
    fields = message.DESCRIPTOR.fields
    arrays, expressions = [], []
    parsed = [message.FromString(row) for row in rows]
    for field in fields:
        arrow, column = ARROW_TYPES.get(field.cpp_type), known.get(field.name.casefold())
        expression = arrow and column and expression_of(field, *column)
        if not expression or field.type == FieldDescriptor.TYPE_BYTES:
            return None
        arrays.append(array_of(parsed, field, arrow))
        expressions.append(expression)
    with database.cursor() as cursor:
        cursor.register("appended", pyarrow.Table.from_arrays(arrays, names=[field.name for field in fields]))
        names = ", ".join(database.quote(field.name) for field in fields)
        try:
            cursor.execute(
                f"INSERT INTO {tables.name(*stream.table)} ({names}) SELECT {', '.join(expressions)} FROM appended"
            )
        except duckdb.Error:
            return None
    result = types.AppendRowsResponse.AppendResult(offset=stream.count)
    stream.count += len(rows)
    return types.AppendRowsResponse(write_stream=stream.name, append_result=result)


@functools.lru_cache(maxsize=64)
def columns_of(reference, _period):
    """DuckDB type and mode of each column, by lower-case name."""
    with database.cursor() as cursor:
        relation = cursor.sql(f"SELECT * FROM {tables.name(*reference)} LIMIT 0")
        type_of = dict(zip((name.casefold() for name in relation.columns), map(str, relation.types)))
    fields = tables.columns(*reference)
    return {field.name.casefold(): (type_of[field.name.casefold()], field.mode or "NULLABLE") for field in fields}


def install_access_tokens():
    """Answers as Google's metadata server does, with a token that the emulator ignores. A client that finds its credentials by
    itself, such as Grafana's data source, has the address of the emulator in GCE_METADATA_HOST."""

    @app.get("/computeMetadata/v1/instance/service-accounts/default/token")
    def token():
        return {"access_token": "emulator", "expires_in": 3600, "token_type": "Bearer"}


def array_of(parsed, field, arrow):
    name = field.name
    if field.is_repeated:
        return pyarrow.array([list(getattr(row, name)) for row in parsed], pyarrow.list_(arrow))
    if field.has_presence:
        return pyarrow.array([getattr(row, name) if row.HasField(name) else None for row in parsed], arrow)
    return pyarrow.array([getattr(row, name) for row in parsed], arrow)


def expression_of(field, column_type, mode):
    """The SQL expression that converts the field to its column, or None. DuckDB fails on a value that does not fit."""
    source = database.quote(field.name)
    is_text = field.cpp_type == FieldDescriptor.CPPTYPE_STRING
    if field.is_repeated or mode == "REPEATED":
        return source if column_type == "VARCHAR[]" and is_text and field.is_repeated else None
    if column_type == "TIMESTAMP WITH TIME ZONE" and not is_text:
        converted = f"make_timestamptz({source})"
    elif column_type == "VARCHAR" and is_text:
        converted = source
    elif column_type in ("BIGINT", "DOUBLE", "BOOLEAN") or (column_type.startswith("DECIMAL") and is_text):
        converted = f"CAST({source} AS {column_type})"
    else:
        return None
    if mode == "REQUIRED":
        return f"CASE WHEN {source} IS NULL THEN error('required') ELSE {converted} END"
    return converted


install_plain_duckdb_storage()
install_create_table_as_select_destination()
install_partition_decorators()
install_exact_row_counts()
install_write_api_limits()
install_atomic_creates()
install_atomic_appends()
install_access_tokens()
install_expiry_of_results()

if __name__ == "__main__":
    from local_bigquery.cli import main

    main()
