import request from 'supertest';
import { OPERATOR, VIEWER } from '../../../test/support/fake-process';
import { type Control, Run } from '../test/probe-service';
import { type AuditEntry } from './audit/audit-entry';
import { SERVICE_CONTROL } from './index';
import { MemoryOperatorLog } from './operator-log/memory-operator-log';

const command = (url: string, method: 'post' | 'put', path: string, body?: object) =>
  request(url)[method](path).set('Authorization', `Bearer ${OPERATOR}`).send(body);

const entriesOf = (log: MemoryOperatorLog): readonly AuditEntry[] =>
  log.audited.map((entry) => JSON.parse(entry.toString()) as AuditEntry);

/** A service whose settings and audit are in this log, as Kafka would have them for all of its instances. */
function runOn(log: MemoryOperatorLog): { readonly run: Run; readonly control: () => Control } {
  const controls: Control[] = [];
  const run = new Run(
    {},
    {
      operatorLog: () => log,
      prepare: (app) => {
        controls.push(app.get<Control>(SERVICE_CONTROL, { strict: false }));
        return Promise.resolve();
      },
    },
  );
  return {
    run,
    control: () => {
      const [control] = controls;
      if (control === undefined) throw new Error('the service has not started');
      return control;
    },
  };
}

// The first test of a file also loads Nest.
jest.setTimeout(30_000);

describe('what operators do', () => {
  it('pauses a service over a restart: before its transports connect, and until it is resumed', async () => {
    const log = new MemoryOperatorLog();
    const first = runOn(log);
    const paused = await command(await first.run.running(), 'post', '/admin/pause', {}).expect(200);
    expect(paused.headers.etag).toBe('"1"');
    await first.run.stop();

    const second = runOn(log);
    const listens: boolean[] = [];
    const { server } = second.run;
    const listen = server.listen.bind(server);
    server.listen = (callback) => {
      listens.push((second.control().status() as { paused: boolean }).paused);
      listen(callback);
    };
    const url = await second.run.running();
    expect(listens).toEqual([true]);
    const ready = await request(url).get('/health/ready').expect(503);
    expect(ready.body).toMatchObject({
      checks: { pause: { ok: false, detail: expect.stringMatching(/^paused by bob since .*Z/) as string } },
    });
    await command(url, 'post', '/admin/resume', {}).expect(200, { paused: false });
    await request(url).get('/health/ready').expect(200);
    await second.run.stop();
  });

  it('is audited before it takes effect, without what the endpoint does not declare', async () => {
    const log = new MemoryOperatorLog();
    const { run } = runOn(log);
    const url = await run.running();
    await command(url, 'put', '/admin/rate', { rate: 5 })
      .set('X-Request-Id', 'mine-1')
      .expect('X-Request-Id', 'mine-1')
      .expect(200);
    const entry = {
      actor: 'bob',
      role: 'operator',
      action: 'PUT /admin/rate',
      subject: 'probe',
      requestId: 'mine-1',
      service: 'probe',
    };
    const at = expect.stringMatching(/Z$/) as string;
    expect(entriesOf(log)).toEqual([
      { ...entry, at, status: 102 },
      { ...entry, at, status: 200 },
    ]);
    await run.stop();
  });

  it('stores a pause together with what it replaced', async () => {
    const log = new MemoryOperatorLog();
    const { run } = runOn(log);
    const url = await run.running();
    await command(url, 'post', '/admin/pause', { for: '10m' }).expect(200);
    await command(url, 'post', '/admin/pause', {}).expect(200);
    expect(entriesOf(log)).toMatchObject([
      {
        subject: 'pause.probe',
        before: null,
        after: { paused: true, until: expect.any(String) as string },
        status: 200,
      },
      { subject: 'pause.probe', before: { paused: true }, after: { paused: true }, status: 200 },
    ]);
    await run.stop();
  });

  it('is rejected with 503 when it cannot be audited, except for a pause of the instance and a resume', async () => {
    const log = new MemoryOperatorLog();
    const { run, control } = runOn(log);
    const url = await run.running();
    const broken = () => Promise.reject(new Error('no broker'));
    jest.spyOn(log, 'audit').mockImplementation(broken);
    jest.spyOn(log, 'append').mockImplementation(broken);
    const rejected = await command(url, 'put', '/admin/rate', { rate: 5 }).expect(503);
    expect(rejected.body).toMatchObject({
      type: 'urn:orderstream:problem:operator-log-unavailable',
      detail: expect.stringContaining('not carried out') as string,
    });
    await command(url, 'post', '/admin/pause', {}).expect(503);
    expect(control().status()).toEqual({ paused: false });
    await command(url, 'post', '/admin/pause', { seconds: 60 }).expect(200);
    expect(control().status()).toEqual({ paused: true });
    await command(url, 'post', '/admin/resume', {}).expect(200);
    expect(control().status()).toEqual({ paused: false });
    // In the log at once, in the audit as soon as it can be written.
    expect(run.lines.filter(({ audit }) => audit === true).map(({ status }) => status)).toEqual([503, 503, 200, 200]);
    jest.restoreAllMocks();
    await run.stop();
    expect(entriesOf(log).map(({ status }) => status)).toEqual([503, 503, 200, 200]);
  });

  it('lists what was changed at run time, for viewers too', async () => {
    const log = new MemoryOperatorLog();
    const { run } = runOn(log);
    const url = await run.running();
    await command(url, 'post', '/admin/pause', {}).expect(200);
    const { body } = await request(url).get('/admin/settings').set('Authorization', `Bearer ${VIEWER}`).expect(200);
    expect(body).toMatchObject([{ subject: 'pause.probe', value: { paused: true }, revision: 1, changedBy: 'bob' }]);
    const shown = await request(url).get('/admin/pause').set('Authorization', `Bearer ${VIEWER}`).expect(200);
    expect([shown.body, shown.headers.etag]).toMatchObject([{ paused: true, scope: 'service', by: 'bob' }, '"1"']);
    await command(url, 'post', '/admin/resume', {}).set('If-Match', '"7"').expect(412);
    await run.stop();
  });
});
