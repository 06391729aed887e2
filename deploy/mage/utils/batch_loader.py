"""Runs a block of the batch loader, which does the work: docs/orchestration.md."""

import json
import os
import shlex
import subprocess
import threading

TIMEOUT_SECONDS = 7200
LAST_LINES = 15


class BlockError(Exception):
    pass


def run_block(block, *args):
    """Returns what the block reports: run, block, attempt, rowsIn, rowsOut, rejected.

    A block that is started again goes on: the batch loader records what has succeeded. It does not retry itself here,
    so that Mage's retries are the ones that are seen.
    """
    command = [*shlex.split(os.environ['ORDERSTREAM_BATCH_LOADER']), 'block', block, *args]
    process = subprocess.Popen(
        command,
        env={**os.environ, 'BATCH_RETRIES': '0'},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = threading.Timer(TIMEOUT_SECONDS, process.kill)
    deadline.start()
    try:
        lines = []
        for line in process.stderr:
            print(line.rstrip())
            lines = [*lines, line][-LAST_LINES:]
        output = process.stdout.read()
        code = process.wait()
    finally:
        deadline.cancel()
    if code != 0:
        raise BlockError(f'{block} ended with {code}:\n' + ''.join(lines))
    report = json.loads(output)
    print(report)
    return report
