"""Starts local-bigquery, the local stand-in for BigQuery, with what this project needs of it.

local-bigquery 0.4.0 keeps its data in DuckLake and needs DuckDB extensions that are downloaded when it starts. Here it
keeps plain DuckDB files in the data folder instead, and works offline. Five behaviours are brought closer to BigQuery's:
each `install_*` function below says which one and why.

The functions replace internals of the package, so the versions are pinned in requirements.in.

Usage: local_bigquery_launcher.py --host H --port P --grpc-port P --project NAME --data-dir DIR
"""

import concurrent.futures
import functools
import os
import re
import threading

import duckdb
import grpc
from google.cloud.bigquery_storage_v1 import types
from local_bigquery import app  # noqa: F401  (imports every module before it is patched)
from local_bigquery.api import jobs as api_jobs
from local_bigquery.catalog import tables
from local_bigquery.engine import database
from local_bigquery.errors import BigQueryError
from local_bigquery.grpc import server, write
from local_bigquery.jobs import query
from local_bigquery.settings import settings

PROJECT_FILE_SUFFIX = ".project.duckdb"

# AppendRows holds a worker for as long as its connection lives: the package's 16 would starve a sink that has a stream
# for each of 24 partitions, two of them during a handover.
MAX_OPEN_APPEND_STREAMS = 256

# BigQuery takes requests of 10 MB; gRPC's own limit is 4 MiB. A little above, so that the server can answer.
MAX_REQUEST_BYTES = 11 << 20
MAX_RESPONSE_BYTES = 64 << 20


def install_plain_duckdb_storage() -> None:
    """Keeps each project in a DuckDB file of its own, attached at first use, instead of in DuckLake."""

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
            if path.stem != "geography":  # ST_* wants the spatial extension, a download
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
    """Reports the destination of CREATE TABLE AS SELECT jobs (dbt reads it), which all the same return no rows.

    Also lets `SET (variable) = (SELECT AS STRUCT ...)` parse, which dbt's insert_overwrite script uses.
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
    """Accepts `table$YYYYMMDD` destinations: a load, copy or query then truncates or appends that one partition."""
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
    """Counts a table's rows when its metadata is asked for: DuckDB's estimate still counts deleted ones."""
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
    """Serves as many append connections and as large requests as BigQuery does."""
    original_server = grpc.server

    def create_server(_pool):
        return original_server(
            concurrent.futures.ThreadPoolExecutor(max_workers=MAX_OPEN_APPEND_STREAMS),
            options=[
                ("grpc.max_receive_message_length", MAX_REQUEST_BYTES),
                ("grpc.max_send_message_length", MAX_RESPONSE_BYTES),
            ],
        )

    server.grpc.server = create_server


def install_atomic_appends() -> None:
    """Appends and finalizes one after the other, as BigQuery does.

    The package looks at a stream's offset, inserts, and only then moves the offset. In between, another connection's
    append at the same offset would land as well, and a finalize would answer with a row count that leaves out rows which
    land all the same.
    """
    original_append, original_finalize = write._append, write.finalize
    guard = threading.Lock()
    locks = {}

    def lock_of(stream_name):
        with guard:
            return locks.setdefault(stream_name, threading.Lock())

    def append(stream, rows, offset):
        with lock_of(stream.name):
            return original_append(stream, rows, offset)

    def finalize(request):
        with lock_of(request.name):
            return original_finalize(request)

    write._append = append
    server.SERVICES["google.cloud.bigquery.storage.v1.BigQueryWrite"]["FinalizeWriteStream"] = server._unary(
        finalize, types.FinalizeWriteStreamRequest, types.FinalizeWriteStreamResponse
    )


install_plain_duckdb_storage()
install_create_table_as_select_destination()
install_partition_decorators()
install_exact_row_counts()
install_write_api_limits()
install_atomic_appends()

if __name__ == "__main__":
    from local_bigquery.cli import main

    main()
