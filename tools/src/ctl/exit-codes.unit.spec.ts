import { spawnSync } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import { FakeAdminApi } from '../../test/fake-admin-api';
import { CtlRunner, TOKEN } from '../../test/fake-terminal';
import { DRAFT, INDEX, LETTER } from '../../test/replay-samples';
import { InterruptedError } from './errors';
import { processTerminal, type ProcessLike } from './process-terminal';
import { runCtl } from './run-ctl';

describe('the exit code of ctl', () => {
  let api: FakeAdminApi;
  let ctl: CtlRunner;

  beforeEach(async () => {
    api = await FakeAdminApi.start();
    ctl = new CtlRunner(api.url);
  });
  afterEach(async () => {
    await api.stop();
    ctl.remove();
  });

  it('is 1 for problem details, printed as title, detail and what to do', async () => {
    api.problem('GET /admin/overview', 403, {
      title: 'Forbidden',
      type: 'https://orderstream.example/problems/role',
      detail: 'The role viewer does not allow it.',
      code: 'ROLE',
      errors: ['first problem', 'second\u001b'],
    });
    const { exitCode, out, err } = await ctl.run(['overview']);
    expect(err).toBe(
      [
        'Forbidden (403, ROLE, https://orderstream.example/problems/role)',
        'The role viewer does not allow it.',
        '  - first problem',
        '  - second\\u001b',
        'What to do: Use the token of an operator; a viewer only reads.',
        '',
      ].join('\n'),
    );
    expect(out).toBe('');
    expect(exitCode).toBe(1);
  });

  it('is 1 for an error that is not problem details, and for an answer of another form', async () => {
    api.on('GET /admin/overview', (_, response) => {
      response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad gateway</h1>');
    });
    const proxied = await ctl.run(['overview']);
    expect(proxied).toMatchObject({ exitCode: 1, err: expect.stringContaining('<h1>Bad gateway</h1>') });
    for (const body of [{ services: 'none' }, [], null, 'text']) {
      api.json('GET /admin/overview', body);
      const { exitCode, err } = await ctl.run(['overview']);
      expect(err).toContain('in a form that this command does not know');
      expect(exitCode).toBe(1);
    }
  });

  it('stands in one document with --json, with the problem', async () => {
    const problem = { title: 'Conflict', detail: 'The plan is running.' };
    api.problem('POST /admin/replays/plan-1/cancel', 409, problem);
    const { exitCode, out } = await ctl.run(['replay', 'cancel', 'plan-1', '--json']);
    expect(JSON.parse(out)).toEqual({ problem: { status: 409, ...problem }, exitCode: 1 });
    expect(exitCode).toBe(1);
    const usage = await ctl.run(['replay', 'cancel', '--json']);
    expect(JSON.parse(usage.out)).toMatchObject({ problem: { title: 'UsageError' }, exitCode: 2 });
  });

  it.each([
    [[]],
    [['replay']],
    [['no-such-command']],
    [['overview', '--no-such-option']],
    [['overview', 'too-many']],
    [['replay', 'create']],
    [['replay', 'create', '--topic', 't', '--from', 'yesterday']],
    [['replay', 'create', '--topic', 't', '--rate', '0']],
    [['replay', 'create', '--topic', 't', '--stop-above', '1.1']],
    [['replay', 'create', '--topic', 't', '--field', 'novalue']],
    [['replay', 'create', '--topic', 't', '--edit', '/no/such/file']],
    [['replay', 'status', '../../admin/pause']],
    [['dead-letters', 'show', 'topic/1']],
    [['dead-letters', 'show', 'topic/../1/2']],
    [['dead-letters', 'list', '--limit', '0']],
    [['pause', 'no-such-service']],
    [['pause', 'validator', '--for', '10 minutes']],
    [['rules', 'set', 'drift.vendor', 'ignore']],
    [['overview', '--timeout', '0s']],
    [['overview', '--url', 'localhost:3000']],
    [['overview', '--service-url', 'validator']],
    [['completion', 'tcsh']],
  ])('is 2 for %j, and nothing is sent', async (args) => {
    const { exitCode, out, err } = await ctl.run(args);
    expect(err).toMatch(/\S/);
    expect(out).toBe('');
    expect(exitCode).toBe(2);
    expect(api.requests).toEqual([]);
  });

  it('is 2 for an address without a token: that of the local stack is for the local stack', async () => {
    api.json('GET /admin/overview', { services: [] });
    for (const options of [{ args: ['--url', api.url] }, { args: [], env: { ORDERSTREAM_URL: api.url } }]) {
      const { exitCode, err } = await ctl.run(['overview', ...options.args], options);
      expect(err).toContain('--token-file');
      expect(exitCode).toBe(2);
    }
    expect(api.requests).toEqual([]);
  });

  it('is 2 for an unreadable token file, and never shows a token', async () => {
    const secret = 'very secret\u0007';
    for (const file of ['/no/such/file', ctl.file('token', secret)]) {
      const { exitCode, err } = await ctl.run(['overview', '--url', api.url, '--token-file', file]);
      expect(err).toContain('ORDERSTREAM_TOKEN_FILE is invalid');
      expect(err).not.toContain('secret');
      expect(exitCode).toBe(2);
    }
  });

  it('is 3 while the local stack has no console yet, and says where to look', async () => {
    ctl.writeStack({ services: { validator: { url: api.url } }, tokens: { viewer: 'v', operator: TOKEN } });
    for (const [args, name] of [
      [['overview'], 'console'],
      [['pause', 'bq-sink'], 'bq-sink'],
    ] as const) {
      const { exitCode, err } = await ctl.run(args);
      expect(err).toContain(`has no ${name} yet. npm start says when it is ready, or why it did not start.`);
      expect(exitCode).toBe(3);
    }
  });

  it('takes address and token from options, and from the environment', async () => {
    api.json('GET /admin/overview', { services: [] });
    const file = ctl.file('token', 'of-a-file\n');
    const variables = { ORDERSTREAM_URL: 'http://127.0.0.1:9', ORDERSTREAM_TOKEN: 'of-a-variable' };
    await ctl.run(['overview', '--url', `${api.url}/`, '--token-file', file], { env: variables });
    await ctl.run(['overview', '--url', api.url], { env: variables });
    await ctl.run(['overview'], { env: { ORDERSTREAM_URL: api.url, ORDERSTREAM_TOKEN_FILE: file } });
    expect(api.requests.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer of-a-file',
      'Bearer of-a-variable',
      'Bearer of-a-file',
    ]);
  });

  it('asks a service at its own address, and is 2 when that is not known', async () => {
    api.json('POST /admin/pause', {});
    const file = ctl.file('token', 'mine');
    const own = ['--token-file', file, '--url', 'http://127.0.0.1:9'];
    const given = await ctl.run(['pause', 'bq-sink', ...own, '--service-url', `bq-sink=${api.url}`]);
    expect(given.exitCode).toBe(0);
    const env = { ORDERSTREAM_SERVICE_URLS: `validator=http://127.0.0.1:9,bq-sink=${api.url}` };
    expect((await ctl.run(['pause', 'bq-sink', ...own], { env })).exitCode).toBe(0);
    const unknown = await ctl.run(['pause', 'bq-sink', ...own]);
    expect(unknown.err).toContain('--service-url bq-sink=<url>');
    expect(unknown.exitCode).toBe(2);
  });

  it('is 3 when no stack runs, when its file is broken, and when it has no console', async () => {
    for (const content of ['', '{', '{"services": {}}', `{"services": {}, "tokens": {"operator": "${TOKEN}"}}`]) {
      ctl.writeStack(content);
      const { exitCode, err } = await ctl.run(['overview']);
      expect(err).toContain('stack.json');
      expect(err).not.toContain(TOKEN);
      expect(exitCode).toBe(3);
    }
    const { exitCode, err } = await ctl.run(['overview'], { env: { ORDERSTREAM_HOME: '/no/such/folder' } });
    expect(err).toContain('Start one with npm start');
    expect(exitCode).toBe(3);
  });

  it('is 3 when nothing answers, and when the answer sends elsewhere', async () => {
    api.on('GET /admin/overview', (_, response) => {
      response.writeHead(302, { location: 'http://127.0.0.1:9/' }).end();
    });
    const redirected = await ctl.run(['overview']);
    expect(redirected.err).toContain('redirect');
    expect(redirected.exitCode).toBe(3);
    const { url } = api;
    await api.stop();
    const { exitCode, err } = await ctl.run(['overview']);
    expect(err).toContain(`The console at ${url} cannot be reached: connect ECONNREFUSED`);
    expect(exitCode).toBe(3);
    api = await FakeAdminApi.start();
  });

  it('is 4 when no answer comes, or does not end, within --timeout', async () => {
    api.on('GET /admin/overview', () => undefined);
    api.on('POST /admin/replays', (_, response) => {
      response.writeHead(201).write('{');
    });
    for (const args of [['overview'], ['replay', 'create', '--topic', 't']]) {
      const { exitCode, err } = await ctl.run([...args, '--timeout', '1s']);
      expect(err).toContain('did not answer within 1 s');
      expect(exitCode).toBe(4);
    }
  });

  it('is 130 after Ctrl-C', async () => {
    const stop = new AbortController();
    api.on('GET /admin/overview', () => {
      stop.abort(new InterruptedError(130));
    });
    const { exitCode, out } = await ctl.run(['overview', '--json'], { signal: stop.signal });
    expect(out).toBe('');
    expect(exitCode).toBe(130);
  });

  it('is 0 for help, which goes to standard output', async () => {
    for (const args of [['--help'], ['help', 'replay'], ['replay', 'create', '--help']]) {
      const { exitCode, out, err } = await ctl.run(args);
      expect(out).toContain('Usage: ctl');
      expect(err).toBe('');
      expect(exitCode).toBe(0);
    }
    expect((await ctl.run(['--help'])).out).toContain('  130  Ended by Ctrl-C');
  });

  describe('of a process', () => {
    class Stream extends PassThrough {
      readonly isTTY = false;
    }
    const fakeProcess = () =>
      Object.assign(new EventEmitter(), {
        env: { ORDERSTREAM_HOME: ctl.home },
        stdin: new Stream(),
        stdout: new Stream(),
        stderr: new Stream(),
      });
    const asProcess = (fake: ReturnType<typeof fakeProcess>): ProcessLike => fake as unknown as ProcessLike;

    it.each([
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ])('ends with %s as %d, while it waits for an answer or for a yes', async (signal, expected) => {
      const fake = fakeProcess();
      api.on('GET /admin/overview', () => fake.emit(signal));
      expect(await runCtl(['overview'], processTerminal(asProcess(fake)))).toBe(expected);

      const asked = fakeProcess();
      for (const stream of [asked.stdin, asked.stderr]) Object.assign(stream, { isTTY: true });
      api.json('GET /admin/replays/plan-1', DRAFT);
      asked.stderr.on('data', (text: Buffer) => {
        if (text.includes('[y/N]')) asked.emit(signal);
      });
      expect(await runCtl(['replay', 'start', 'plan-1'], processTerminal(asProcess(asked)))).toBe(expected);
    });

    it('takes 0 columns for a size that the terminal does not know', () => {
      const fake = fakeProcess();
      Object.assign(fake.stdout, { isTTY: true, columns: 0 });
      Object.assign(fake.stderr, { isTTY: true, columns: 132 });
      const { out, err } = processTerminal(asProcess(fake));
      expect([out.columns, err.columns]).toEqual([undefined, 132]);
    });

    it('is 0, without a word, when the reader of the output is gone', async () => {
      const fake = fakeProcess();
      api.on('GET /admin/dead-letters', (_, response) => {
        fake.stdout.destroy(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
        response.writeHead(200).end(JSON.stringify({ letters: [LETTER], next: 'more', index: INDEX }));
      });
      const lines: string[] = [];
      fake.stderr.on('data', (text: Buffer) => lines.push(text.toString()));
      expect(await runCtl(['dead-letters', 'list', '--limit', '100000'], processTerminal(asProcess(fake)))).toBe(0);
      expect(lines).toEqual([]);
    });
  });

  describe('completion', () => {
    it('prints scripts that bash reads, with the commands, options and choices', async () => {
      const { out } = await ctl.run(['completion', 'bash']);
      expect(spawnSync('bash', ['-n'], { input: out })).toMatchObject({ status: 0, stderr: Buffer.alloc(0) });
      const complete = (...words: readonly string[]): string[] => {
        const line = words.map((word) => `'${word}'`).join(' ');
        const script = `${out}\nCOMP_WORDS=(ctl ${line}); COMP_CWORD=${words.length}; _ctl_complete; printf '%s\\n' "\${COMPREPLY[@]}"`;
        const { stdout, stderr } = spawnSync('bash', ['--norc'], { input: script, encoding: 'utf8' });
        expect(stderr).toBe('');
        return stdout.split('\n').filter((word) => word !== '');
      };
      expect(complete('re')).toEqual(['replay', 'resume']);
      expect(complete('replay', 'st')).toEqual(['start', 'status']);
      expect(complete('replay', 'create', '--no')).toEqual(['--no-followers', '--note']);
      expect(complete('--json', 'pause', 'b')).toEqual(['bq-sink']);
      expect(complete('rules', 'set', 'drift.vendor', 're')).toEqual(['reject', 'repair']);
      expect(complete('replay', 'create', '--topic', '')).toEqual([]);
      expect(complete('overview', '--token-file', '/etc/host')).toContain('/etc/hosts');
    });

    it.each(['zsh', 'fish'])('prints a script for %s, too', async (shell) => {
      const { exitCode, out } = await ctl.run(['completion', shell]);
      expect(exitCode).toBe(0);
      expect(out).toContain('replay create');
      expect(out).toContain('no-followers');
    });
  });
});
