"""Drives the order generator by its admin endpoints: docs/generator.md."""

import json
import os
import time
import urllib.error
import urllib.request

ANSWER_TIMEOUT_SECONDS = 10
POLL_SECONDS = 2
SILENT_SECONDS = 120
"""The announcement of the catalog comes before the first order."""
OPENING_SECONDS = 900


class GeneratorError(Exception):
    pass


def stream(scenario, messages, seconds_between_messages):
    """Starts the scenario, unless it runs already, and waits for its end.

    Started again after a kill, it waits for the end of what runs, and sends nothing twice.
    """
    status = _request('GET', '/admin/status')
    if status['state'] != 'running' or status['scenario'] != scenario:
        _request('POST', '/admin/scenario', {'name': scenario, 'maxOrders': messages})
        _request('POST', '/admin/rate', {'eventsPerSecond': 1 / seconds_between_messages})
        status = _request('POST', '/admin/start')
    deadline = time.monotonic() + OPENING_SECONDS + 2 * messages * seconds_between_messages
    answered = time.monotonic()
    while status['state'] == 'running':
        if time.monotonic() > deadline:
            raise GeneratorError(f'the scenario {scenario} has not ended in time: {status}')
        time.sleep(POLL_SECONDS)
        try:
            status = _request('GET', '/admin/status')
            answered = time.monotonic()
        except (urllib.error.URLError, OSError) as error:
            # It may be restarted meanwhile, and goes on where it was.
            if time.monotonic() - answered > SILENT_SECONDS:
                raise GeneratorError(f'the generator does not answer: {error}') from error
    if status['state'] != 'finished':
        raise GeneratorError(f'the scenario {scenario} has not ended: {status}')
    report = {'scenario': scenario, 'messages': messages, 'run': status['run'], 'segment': status['identity']['segment']}
    print(report)
    return report


def _request(method, path, body=None):
    request = urllib.request.Request(
        os.environ['ORDERSTREAM_GENERATOR_URL'] + path,
        method=method,
        headers={'authorization': f'Bearer {_token()}', 'content-type': 'application/json'},
        data=None if body is None else json.dumps(body).encode(),
    )
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_TIMEOUT_SECONDS) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        raise GeneratorError(f'{method} {path}: {error.code} {error.read().decode()}') from error


def _token():
    path = os.environ.get('ORDERSTREAM_GENERATOR_TOKEN_FILE')
    if path is None:
        return os.environ['ORDERSTREAM_GENERATOR_TOKEN']
    with open(path, encoding='utf-8') as file:
        return file.read().strip()
