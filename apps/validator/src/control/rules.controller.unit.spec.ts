import { createLogger } from '@orderstream/observability';
import { qualitySettings } from '@orderstream/quality';
import { runService } from '@orderstream/service';
import request from 'supertest';
import { FakeProcess, LogLines, OPERATOR, TOKENS, VIEWER } from '../../../../test/support/fake-process';
import { validatorDefinition } from '../validator.definition';

/** A validator without Kafka: what operators change stays in its memory. */
async function run(env: NodeJS.ProcessEnv = {}) {
  const host = new FakeProcess();
  const log = new LogLines();
  const { name, settings, module } = validatorDefinition();
  await runService(
    { name, settings, module },
    {
      env: { HTTP_PORT: '0', ADMIN_TOKENS: TOKENS, ...env },
      host,
      logger: createLogger({ service: name, level: 'info', destination: log }),
    },
  );
  const url = await log.url();
  return {
    log,
    get: (path: string) => request(url).get(path).set('Authorization', `Bearer ${VIEWER}`),
    put: (path: string, ifMatch: string | undefined, body: object) => {
      const call = request(url).put(path).set('Authorization', `Bearer ${OPERATOR}`);
      return (ifMatch === undefined ? call : call.set('If-Match', ifMatch)).send(body);
    },
    remove: (path: string, ifMatch: string) =>
      request(url).delete(path).set('Authorization', `Bearer ${OPERATOR}`).set('If-Match', ifMatch),
    stop: async () => {
      host.emit('SIGTERM', 'SIGTERM');
      await host.exited.promise;
    },
  };
}

describe('the rules at run time', () => {
  let validator: Awaited<ReturnType<typeof run>>;
  beforeEach(async () => {
    validator = await run({ RULE_ACTIONS: '{"time.too_late":"reject"}', BREAKER_REJECT_SHARE: '0.4' });
  });
  afterEach(() => validator.stop());

  const versionOf = async () =>
    ((await validator.get('/admin/status')).body as { settingsVersion: string }).settingsVersion;
  const RULE = '/admin/rules/time.too_late';

  it('override the environment, and go back to it', async () => {
    const { body, headers } = await validator.get(RULE).expect(200);
    expect([body, headers.etag]).toMatchObject([
      {
        action: 'reject',
        defaultAction: 'flag',
        allowedActions: ['reject', 'flag', 'skip', 'off'],
        source: 'environment',
        revision: 0,
      },
      '"0"',
    ]);
    expect(await versionOf()).toBe(qualitySettings({ actions: { 'time.too_late': 'reject' } }).version);
    const changed = await validator.put(RULE, '"0"', { action: 'off' }).expect(200);
    expect(changed.body).toMatchObject({ action: 'off', source: 'operator', changedBy: 'bob' });
    expect(await versionOf()).toBe(qualitySettings({ actions: { 'time.too_late': 'off' } }).version);
    const reset = await validator.put(RULE, changed.headers.etag, { action: null }).expect(200);
    expect(reset.body).toMatchObject({ action: 'reject', source: 'environment' });
    expect(await versionOf()).toBe(qualitySettings({ actions: { 'time.too_late': 'reject' } }).version);
  });

  it('are not changed without the revision that the change replaces, or with a stale one', async () => {
    const without = await validator.put(RULE, undefined, { action: 'off' }).expect(428);
    expect(without.body).toMatchObject({ type: 'urn:orderstream:problem:revision-required' });
    await validator.put(RULE, '*', { action: 'off' }).expect(428);
    await validator.put(RULE, '"x"', { action: 'off' }).expect(412);
    const { headers } = await validator.put(RULE, '"0"', { action: 'skip' }).expect(200);
    const stale = await validator.put(RULE, '"0"', { action: 'off' }).expect(412);
    expect(stale.body).toMatchObject({
      type: 'urn:orderstream:problem:revision-stale',
      code: 'REVISION_STALE',
      revision: Number(/\d+/.exec(String(headers.etag))?.[0]),
      detail: expect.stringContaining('set by bob') as string,
    });
    expect((await validator.get(RULE)).body).toMatchObject({ action: 'skip' });
  });

  it.each([
    ['time.too_old', 'off'],
    ['structure.too_large', 'flag'],
    ['internal.rule_failed', 'skip'],
    ['duplicate.event', 'repair'],
    ['time.too_late', 'drop'],
  ])('never allow %s to be %s', async (code, action) => {
    await validator.put(`/admin/rules/${code}`, '"0"', { action }).expect(400);
    expect((await validator.get(`/admin/rules/${code}`)).body).toMatchObject({ revision: 0 });
  });

  it('are listed, and an unknown one is not found', async () => {
    const { body } = await validator.get('/admin/rules').expect(200);
    expect((body as { code: string }[]).map(({ code }) => code)).toEqual(Object.keys(qualitySettings().actions));
    for (const name of ['time.none', 'toString', '__proto__']) await validator.get(`/admin/rules/${name}`).expect(404);
    await validator.put('/admin/rules/time.none', '"0"', { action: 'off' }).expect(404);
  });

  it('let the limits of the breaker be changed, switched off and put back', async () => {
    const first = await validator.get('/admin/breaker').expect(200);
    expect(first.body).toEqual({ windowRecords: 1_000, rejectShare: 0.4, source: 'environment', revision: 0 });
    for (const body of [
      {},
      { windowRecords: -1, rejectShare: 0.5 },
      { windowRecords: 1, rejectShare: 2 },
      { windowRecords: 5 },
    ]) {
      await validator.put('/admin/breaker', '"0"', body).expect(400);
    }
    const off = await validator.put('/admin/breaker', '"0"', { windowRecords: 0, rejectShare: 0.5 }).expect(200);
    expect(off.body).toMatchObject({ windowRecords: 0, source: 'operator', changedBy: 'bob' });
    await validator.remove('/admin/breaker', '"0"').expect(412);
    const reset = await validator.remove('/admin/breaker', String(off.headers.etag)).expect(200);
    expect(reset.body).toMatchObject({ windowRecords: 1_000, rejectShare: 0.4, source: 'environment' });
  });

  it('audit a change with what it replaced', async () => {
    await validator.put(RULE, '"0"', { action: 'off' }).expect(200);
    const lines = validator.log.lines.filter(({ audit }) => audit === true);
    expect(lines).toMatchObject([{ actor: 'bob', action: `PUT ${RULE}`, status: 200 }]);
  });
});
