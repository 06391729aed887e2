"""Drives the order generator by its admin endpoints: docs/generator.md."""

import json
import os
import time
import urllib.error
import urllib.request

ANSWER_TIMEOUT_SECONDS = 10
POLL_SECONDS = 2
# The generator may be busy or restarting for so long.
SILENT_SECONDS = 120
# The announcement of the catalog comes before the first order.
OPENING_SECONDS = 900


class GeneratorError(Exception):
    pass


def start(scenario, messages, seconds_between_messages):
    """Starts the scenario, unless it is running. Started again after a kill, it takes up what is running."""
    status = _request('GET', '/admin/status')
    if status['state'] != 'running' or status['scenario'] != scenario:
        _request('POST', '/admin/scenario', {'name': scenario, 'maxOrders': messages})
        _request('POST', '/admin/rate', {'eventsPerSecond': 1 / seconds_between_messages})
        status = _request('POST', '/admin/start')
    stream = {
        'scenario': scenario,
        'messages': messages,
        'seconds': messages * seconds_between_messages,
        'first_seq': status['run']['firstSeq'],
    }
    print(stream)
    return stream


def wait_for_end(stream):
    """Waits for the end of what `start` has started, and sends nothing: it may be started again at any time."""
    deadline = time.monotonic() + OPENING_SECONDS + 2 * stream['seconds']
    answered = time.monotonic()
    while True:
        try:
            status = _request('GET', '/admin/status')
            answered = time.monotonic()
        except OSError as error:
            if time.monotonic() - answered > SILENT_SECONDS:
                raise GeneratorError(f'the generator does not answer: {error}') from error
            status = None
        if status is not None:
            if status.get('run', {}).get('firstSeq') != stream['first_seq']:
                raise GeneratorError(f'the generator carries out another run than {stream}: {status}')
            if status['state'] == 'finished':
                break
            if status['state'] != 'running':
                raise GeneratorError(f'the scenario has not come to its end: {status}')
        if time.monotonic() > deadline:
            raise GeneratorError(f'the scenario has not ended in time: {status}')
        time.sleep(POLL_SECONDS)
    report = {**stream, 'sent': status['run']['events'], 'segment': status['identity']['segment']}
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
