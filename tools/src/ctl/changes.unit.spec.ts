import { FakeAdminApi, sendJson } from '../../test/fake-admin-api';
import { CtlRunner } from '../../test/fake-terminal';
import { DRAFT, FINISHED, READY, RUNNING, TOPIC } from '../../test/replay-samples';

describe('ctl, changing', () => {
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

  const PLAN = '/admin/replays/plan-1';

  it('creates a plan with filter, edit and limits, under an idempotency key of its own', async () => {
    api.on('POST /admin/replays', (_, response) => {
      sendJson(response, 201, DRAFT);
    });
    const patch = [{ op: 'replace', path: '/item_price', value: '9.99' }];
    const edit = ctl.file('patch.json', JSON.stringify(patch));
    const args = ['--reason', 'structure.invalid_field', '--field', 'vendor_id=v', '--to', '2026-11-26T10:00:00+02:00'];
    const limits = ['--rate', '250', '--canary', '10', '--stop-above', '0.1', '--no-followers', '--include-duplicates'];
    const create = ['replay', 'create', '--topic', TOPIC, ...args, ...limits, '--edit', edit, '--note', 'INC-7'];
    const { exitCode, out } = await ctl.run(create);
    expect(exitCode).toBe(0);
    expect(out).toContain('Next: ctl replay preview plan-1\n');
    await ctl.run(create);
    const [first, second] = api.requests;
    expect(first?.body).toEqual({
      topic: TOPIC,
      filter: { reason: 'structure.invalid_field', fields: { vendor_id: 'v' }, to: '2026-11-26T08:00:00.000Z' },
      edit: patch,
      includeDuplicates: true,
      followers: false,
      ratePerSecond: 250,
      canary: 10,
      stopAboveShare: 0.1,
      note: 'INC-7',
    });
    expect(first?.headers['idempotency-key']).toMatch(/^[\da-f-]{36}$/);
    expect(second?.headers['idempotency-key']).not.toBe(first?.headers['idempotency-key']);
  });

  it('prints the idempotency key when the creation fails, and repeats with it', async () => {
    api.problem('POST /admin/replays', 503, { title: 'Service Unavailable', detail: 'The index is being read.' });
    const create = ['replay', 'create', '--topic', TOPIC];
    const { exitCode, err } = await ctl.run(create);
    expect(exitCode).toBe(1);
    const key = String(api.requests[0]?.headers['idempotency-key']);
    expect(err).toContain(`Repeat the command with --idempotency-key ${key}: it cannot make a second plan.`);
    await ctl.run([...create, '--idempotency-key', key]);
    expect(api.requests[1]?.headers['idempotency-key']).toBe(key);
  });

  it('does not promise that nothing was changed when the record of the changes did not answer', async () => {
    const type = 'urn:orderstream:problem:operator-log-unavailable';
    api.problem('POST /admin/pause', 503, { title: 'Service Unavailable', type });
    const { err } = await ctl.run(['pause', 'bq-sink']);
    expect(err).toContain('what was sent may have taken effect');
    expect(err).not.toContain('Nothing was changed');
  });

  it.each([400, 403, 422])('prints no key for a creation that the server has rejected with %d', async (status) => {
    api.problem('POST /admin/replays', status, { title: 'Rejected' });
    const { exitCode, err } = await ctl.run(['replay', 'create', '--topic', TOPIC]);
    expect(err).not.toContain('--idempotency-key');
    expect(exitCode).toBe(1);
  });

  it('reads a patch from standard input, and sends nothing for one that is none', async () => {
    api.json('POST /admin/replays', DRAFT);
    const create = ['replay', 'create', '--topic', TOPIC, '--edit', '-'];
    await ctl.run(create, { stdin: '[{"op":"remove","path":"/x"}]' });
    expect(api.requests[0]?.body).toMatchObject({ edit: [{ op: 'remove', path: '/x' }] });
    for (const stdin of ['', '{}', '[]', '[{"path":"/x"}]']) {
      const { exitCode, err } = await ctl.run(create, { stdin });
      expect(err).toContain('Standard input is not a JSON Patch');
      expect(exitCode).toBe(2);
    }
    expect(api.requests).toHaveLength(1);
  });

  it('waits for the preview by events, and shows what it found', async () => {
    api.json(`POST ${PLAN}/preview`, { ...DRAFT, revision: 2, state: 'previewing' });
    api.json(`GET ${PLAN}`, { ...DRAFT, revision: 2, state: 'previewing' });
    api.on(`GET ${PLAN}/events`, (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(`: hello\n\nevent: plan\ndata: ${JSON.stringify(READY)}\n\n`);
    });
    const { exitCode, out } = await ctl.run(['replay', 'preview', 'plan-1']);
    expect(exitCode).toBe(0);
    expect(out).toContain('would pass  5,100 of 5,120\n');
    expect(out).toContain('Next: ctl replay start plan-1 --watch\n');
  });

  it('says once why a plan has stopped', async () => {
    const why = '12 of 18 returned letters came back, more than a share of 0.5.';
    api.json(`GET ${PLAN}`, {
      ...FINISHED,
      state: 'stopped',
      outcome: why,
      error: { type: 'REPLAY_STOPPED', detail: why },
    });
    const { out } = await ctl.run(['replay', 'status', 'plan-1']);
    expect(out.split(why)).toHaveLength(2);
  });

  it('does not lead to the start of a plan without letters', async () => {
    const preview = { ...READY.preview, letters: 0, followers: 0, total: 0 };
    api.json(`POST ${PLAN}/preview`, { ...READY, preview });
    const { exitCode, out } = await ctl.run(['replay', 'preview', 'plan-1']);
    expect(out).toContain('The plan has no letters: there is nothing to start.');
    expect(out).not.toContain('Next: ctl replay start');
    expect(exitCode).toBe(0);
  });

  it('ends with 1 when the preview did not succeed', async () => {
    const error = { type: 'about:blank', detail: 'Too many letters.' };
    api.json(`POST ${PLAN}/preview`, { ...DRAFT, error });
    const { exitCode, out, err } = await ctl.run(['replay', 'preview', 'plan-1']);
    expect(out).toContain('Too many letters.');
    expect(err).toBe('The preview did not succeed: the plan is draft.\n');
    expect(exitCode).toBe(1);
  });

  it('starts exactly the revision that it shows, after a yes', async () => {
    api.json(`GET ${PLAN}`, READY, { etag: '"3"' });
    api.json(`POST ${PLAN}/start`, RUNNING);
    const { exitCode, out, err } = await ctl.run(['replay', 'start', 'plan-1'], { tty: 120, answer: 'y' });
    expect(err).toContain('would pass  5,100 of 5,120');
    expect(err).toContain(`Start the replay of 5,120 letters of ${TOPIC}?`);
    expect(out).toBe('Plan plan-1 is running.\n\nNext: ctl replay watch plan-1\n');
    expect(exitCode).toBe(0);
    expect(api.requests.at(-1)?.headers['if-match']).toBe('"3"');
  });

  it.each(['n', '', 'yess', undefined])('starts nothing when the answer is %j', async (answer) => {
    api.json(`GET ${PLAN}`, READY, { etag: '"3"' });
    const { exitCode, err } = await ctl.run(['replay', 'start', 'plan-1'], {
      tty: 120,
      ...(answer === undefined ? {} : { answer }),
    });
    expect(err).toContain('Nothing was started.');
    expect(exitCode).toBe(1);
    expect(api.lines).toEqual([`GET ${PLAN}`]);
  });

  it('needs --yes where there is no terminal to ask on', async () => {
    api.json(`GET ${PLAN}`, READY, { etag: '"3"' });
    api.json(`POST ${PLAN}/start`, RUNNING);
    const asked = await ctl.run(['replay', 'start', 'plan-1']);
    expect(asked.exitCode).toBe(2);
    expect(asked.err).toContain('add --yes');
    expect(api.lines).toEqual([`GET ${PLAN}`]);
    const { exitCode } = await ctl.run(['replay', 'start', 'plan-1', '--yes']);
    expect(exitCode).toBe(0);
  });

  it('says that someone else changed the plan when the start is not of its revision', async () => {
    api.json(`GET ${PLAN}`, READY, { etag: '"3"' });
    api.problem(`POST ${PLAN}/start`, 412, { title: 'Precondition Failed', detail: 'The plan has revision 4.' });
    const { exitCode, err } = await ctl.run(['replay', 'start', 'plan-1', '--yes']);
    expect(err).toContain('Plan plan-1 was changed while this command ran; nothing was started.');
    expect(err).toContain('The plan has revision 4.');
    expect(exitCode).toBe(1);
  });

  it.each(['pause', 'cancel'])('can %s a plan', async (step) => {
    api.json(`POST ${PLAN}/${step}`, { ...RUNNING, state: `${step}ed` });
    const { exitCode, out } = await ctl.run(['replay', step, 'plan-1']);
    expect(exitCode).toBe(0);
    expect(out).toContain('returned 2,560, came back 3');
  });

  it('pauses a service, for a time or until it is resumed', async () => {
    api.json('POST /admin/pause', { paused: true });
    expect((await ctl.run(['pause', 'bq-sink', '--for', '10m'])).out).toBe('bq-sink is paused for 10m\n');
    expect((await ctl.run(['pause', 'bq-sink'])).out).toBe('bq-sink is paused until: ctl resume bq-sink\n');
    expect(api.requests.map(({ body }) => body)).toEqual([{ for: '10m' }, {}]);
  });

  it('resumes a service, the validator also without its circuit breaker for a while', async () => {
    api.json('POST /admin/resume', { settingsVersion: '7889f7f64d07', evaluatesBy: { RULE_MAX_AHEAD_MS: 300_000 } });
    expect((await ctl.run(['resume', 'validator', '--without-breaker-minutes', '30'])).out).toBe(
      'validator is resumed. When it is ready: ctl overview\n',
    );
    expect(api.requests[0]?.body).toEqual({ withoutBreakerMinutes: 30 });
    const both = ['--without-breaker-minutes', '1', '--without-breaker-records', '1'];
    for (const args of [
      ['resume', 'validator', ...both],
      ['resume', 'bq-sink', '--without-breaker-records', '1'],
    ]) {
      expect((await ctl.run(args)).exitCode).toBe(2);
    }
    expect(api.requests).toHaveLength(1);
  });

  it('rejects two values of one field: no letter can have both', async () => {
    const fields = ['--field', 'a=1', '--field', 'a=2'];
    const { exitCode, err } = await ctl.run(['replay', 'create', '--topic', TOPIC, ...fields]);
    expect(err).toContain('--field a has two values');
    expect(exitCode).toBe(2);
    expect(api.requests).toEqual([]);
  });

  it('says when the rate of the generator is reached', async () => {
    api.json('POST /admin/rate', { state: 'running' });
    expect((await ctl.run(['generator', 'rate', '10'])).err).toContain('The rate is reached within some minutes');
  });

  it('steers the generator', async () => {
    const status = { state: 'running', rate: { target: 50, achieved: 49.9 }, scenario: 'steady' };
    for (const path of ['start', 'stop', 'rate', 'scenario']) api.json(`POST /admin/${path}`, status);
    api.json('GET /admin/status', status);
    api.json('GET /admin/scenarios', [{ name: 'flash-sale', description: 'A sale.', file: 'f.yaml' }]);
    const yaml = ctl.file('mine.yaml', 'name: mine\n');
    for (const args of [
      'status',
      'start',
      'stop',
      'rate 120.5',
      'scenario flash-sale',
      `scenario ${yaml}`,
      'scenario',
    ]) {
      const { exitCode, out } = await ctl.run(['generator', ...args.split(' ')]);
      expect(exitCode).toBe(0);
      expect(out).toBe(
        args === 'scenario'
          ? 'SCENARIO    DESCRIPTION\nflash-sale  A sale.\n'
          : 'state          running\nrate.target    50\nrate.achieved  49.9\nscenario       steady\n',
      );
    }
    expect(api.requests.slice(3, 6).map(({ url, body }) => [url, body])).toEqual([
      ['/admin/rate', { eventsPerSecond: 120.5 }],
      ['/admin/scenario', { name: 'flash-sale' }],
      ['/admin/scenario', 'name: mine\n'],
    ]);
    expect(api.requests[5]?.headers['content-type']).toBe('application/yaml');
  });

  const RULE = {
    code: 'drift.vendor',
    description: 'The vendor differs.',
    action: 'repair',
    defaultAction: 'repair',
    allowedActions: ['repair', 'flag', 'off'],
    source: 'default',
    revision: 7,
  };

  it('lists rules, and changes one at the revision that it read', async () => {
    api.json('GET /admin/rules', [RULE]);
    expect((await ctl.run(['rules', 'list'])).out).toBe(
      [
        'RULE          ACTION  DEFAULT  CAN BE             SOURCE   BY  FIRES WHEN',
        'drift.vendor  repair  repair   repair, flag, off  default      The vendor differs.',
        '',
      ].join('\n'),
    );
    api.json('GET /admin/rules/drift.vendor', RULE, { etag: '"7"' });
    api.json('PUT /admin/rules/drift.vendor', { ...RULE, action: 'flag', revision: 8 });
    const { out } = await ctl.run(['rules', 'set', 'drift.vendor', 'flag']);
    expect(out).toBe('drift.vendor: repair -> flag\n');
    expect(api.requests.at(-1)).toMatchObject({ body: { action: 'flag' }, headers: { 'if-match': '"7"' } });
    await ctl.run(['rules', 'set', 'drift.vendor', 'default']);
    expect(api.requests.at(-1)?.body).toEqual({ action: null });
  });

  it('says that someone else changed a rule, and changes nothing for one that does not exist', async () => {
    api.json('GET /admin/rules/drift.vendor', RULE, { etag: '"7"' });
    api.problem('PUT /admin/rules/drift.vendor', 412, {
      title: 'Precondition Failed',
      detail: 'Revision 8 is current.',
    });
    const { exitCode, err } = await ctl.run(['rules', 'set', 'drift.vendor', 'flag']);
    expect(err).toBe(
      [
        'The rule drift.vendor was changed by someone else while this command ran; this change was not made.',
        'Precondition Failed (412)',
        'Revision 8 is current.',
        'What to do: Someone else changed it meanwhile: look at it again, then repeat the command.',
        '',
      ].join('\n'),
    );
    expect(exitCode).toBe(1);
    const unknown = await ctl.run(['rules', 'set', 'drift.vendors', 'flag']);
    expect(unknown.exitCode).toBe(1);
    expect(api.lines.filter((line) => line.startsWith('PUT'))).toHaveLength(1);
  });

  it('shows the circuit breaker, changes what is given of it, and resets it', async () => {
    const breaker = { windowRecords: 1_000, rejectShare: 0.5, source: 'operator', changedBy: 'ann', revision: 4 };
    api.json('GET /admin/breaker', breaker, { etag: '"4"' });
    api.json('PUT /admin/breaker', { ...breaker, windowRecords: 0, revision: 5 });
    api.json('DELETE /admin/breaker', { ...breaker, source: 'default' });
    expect((await ctl.run(['breaker', 'show'])).out).toBe(
      'window      1000 records\nshare       0.5\nsource      operator\nchanged by  ann\n',
    );
    await ctl.run(['breaker', 'set', '--share', '0.9']);
    expect(api.requests.at(-1)).toMatchObject({
      body: { windowRecords: 1_000, rejectShare: 0.9 },
      headers: { 'if-match': '"4"' },
    });
    expect((await ctl.run(['breaker', 'set', '--off'])).out).toContain('off: no partition is stopped\n');
    expect(api.requests.at(-1)?.body).toEqual({ windowRecords: 0, rejectShare: 0.5 });
    expect((await ctl.run(['breaker', 'reset'])).out).toContain('source      default\n');
    expect(api.requests.at(-1)).toMatchObject({ method: 'DELETE', headers: { 'if-match': '"4"' } });
    for (const args of [[], ['--off', '--share', '0.1'], ['--share', '1.5']]) {
      expect((await ctl.run(['breaker', 'set', ...args])).exitCode).toBe(2);
    }
  });

  it('previews at once with --preview, and prints one document of it', async () => {
    api.json('POST /admin/replays', DRAFT);
    api.json(`POST ${PLAN}/preview`, READY);
    const { out, err } = await ctl.run(['replay', 'create', '--topic', TOPIC, '--preview', '--json']);
    expect(JSON.parse(out)).toEqual(READY);
    expect(err).toBe('Plan plan-1 is created.\n');
  });

  it('starts and watches with --watch', async () => {
    api.json(`GET ${PLAN}`, READY, { etag: '"3"' });
    api.on(`POST ${PLAN}/start`, (_, response) => {
      api.json(`GET ${PLAN}`, FINISHED);
      sendJson(response, 200, RUNNING);
    });
    const { exitCode, out } = await ctl.run(['replay', 'start', 'plan-1', '--yes', '--watch']);
    expect(exitCode).toBe(0);
    expect(out).toContain('returned 5,110, parked 10');
  });
});
