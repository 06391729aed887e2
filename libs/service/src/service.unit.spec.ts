import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { waitUntil } from '@orderstream/deadlines';
import request from 'supertest';
import { OPERATOR, VIEWER } from '../../../test/support/fake-process';
import { Run, runDuringTests } from '../test/probe-service';

const withToken = { authorization: `Bearer ${OPERATOR}` };
const get = (url: string, path: string) => fetch(url + path, { headers: withToken });
const post = (url: string, path: string, body: Buffer) =>
  fetch(url + path, { method: 'POST', headers: { ...withToken, 'content-type': 'application/json' }, body });

describe('a running service', () => {
  const service = runDuringTests();
  /** Rejected requests so far, by reason. */
  async function rejections(): Promise<Record<string, number>> {
    const { text } = await request(service.url).get('/metrics');
    const counts = text.matchAll(/^orderstream_admin_rejected_total\{reason="(\w+)",app="probe"\} (\d+)$/gm);
    return Object.fromEntries([...counts].map(([, reason = '', count]) => [reason, Number(count)]));
  }

  it.each([
    ['GET', '/admin/status', undefined, 401],
    ['GET', '/admin/status', 'wrong', 401],
    ['GET', '/admin/status', VIEWER, 200],
    ['GET', '/admin/status', OPERATOR, 200],
    ['POST', '/admin/pause', undefined, 401],
    ['POST', '/admin/pause', VIEWER, 403],
    ['POST', '/admin/pause', OPERATOR, 200],
    ['POST', '/admin/resume', VIEWER, 403],
    ['POST', '/admin/resume', OPERATOR, 200],
    ['GET', '/admin/docs', undefined, 401],
    ['GET', '/admin/docs', VIEWER, 200],
    ['PUT', '/admin/rate', VIEWER, 403],
    ['GET', '/ADMIN/status', undefined, 401],
    ['GET', '/admin/nothing-here', undefined, 401],
    ['GET', '/admin/nothing-here', VIEWER, 404],
    ['PUT', '/forgotten', OPERATOR, 403],
    ['GET', '/health/live', undefined, 200],
    ['GET', '/health/ready', undefined, 200],
    ['GET', '/metrics', undefined, 200],
  ] as const)('answers %s %s with token %s with status %d', async (method, path, token, status) => {
    const call = request(service.url)[method === 'GET' ? 'get' : method === 'PUT' ? 'put' : 'post'](path);
    if (token !== undefined) void call.set('Authorization', `Bearer ${token}`);
    await call.expect(status);
  });

  it('pauses and resumes for an operator, and audits the operator by name', async () => {
    const paused = await request(service.url).post('/admin/pause').set('Authorization', `Bearer ${OPERATOR}`);
    expect(paused.body).toMatchObject({ paused: true, pause: { scope: 'service', by: 'bob' } });
    const resumed = await request(service.url).post('/admin/resume').set('Authorization', `Bearer ${OPERATOR}`);
    expect(resumed.body).toEqual({ paused: false });
    expect(service.run.lines.filter(({ audit, status }) => audit === true && status === 200).at(-1)).toMatchObject({
      actor: 'bob',
      role: 'operator',
      action: 'POST /admin/resume',
    });
  });

  it('ends a pause with a limit by itself, and rejects a limit that is not 1 to 600 seconds', async () => {
    const pause = (body: object) =>
      request(service.url).post('/admin/pause').set('Authorization', `Bearer ${OPERATOR}`).send(body);
    for (const seconds of [0, 601, 1.5, '10', null]) await pause({ seconds }).expect(400);
    const paused = await pause({ seconds: 1 }).expect(200);
    expect(paused.body).toMatchObject({ paused: true, pause: { scope: 'instance', by: 'bob' } });
    await waitUntil(
      async () => {
        const { body } = await request(service.url).get('/admin/status').set('Authorization', `Bearer ${VIEWER}`);
        return !(body as { paused: boolean }).paused;
      },
      { what: 'the end of the pause', deadlineMs: 4_000 },
    );
  });

  it.each([
    ['a wrong type', { rate: 'fast' }],
    ['a value out of bounds', { rate: -1 }],
    ['an unknown field', { rate: 1, colour: 'red' }],
    ['nothing', undefined],
  ])('rejects a body with %s', async (_, body) => {
    await request(service.url).put('/admin/rate').set('Authorization', `Bearer ${OPERATOR}`).send(body).expect(400);
  });

  it('accepts a valid body, rejects a large one, and rejects a request without a token before reading its body', async () => {
    await request(service.url)
      .put('/admin/rate')
      .set('Authorization', `Bearer ${OPERATOR}`)
      .send({ rate: 5 })
      .expect(200, { rate: 5 });
    const large = { rate: 5, padding: 'x'.repeat(70_000) };
    await request(service.url).put('/admin/rate').set('Authorization', `Bearer ${OPERATOR}`).send(large).expect(413);
    await request(service.url).put('/admin/rate').send(large).expect(401);
  });

  it.each([
    ['text/plain', '{"seconds":60}', 415],
    ['application/x-www-form-urlencoded', 'seconds=60', 415],
    ['application/yaml', 'seconds: 60', 415],
    ['application/merge-patch+json', '{"seconds":60}', 415],
    ['nonsense', '{"seconds":60}', 415],
    ['application/json', '[]', 400],
    ['application/json', '[{"seconds":60}]', 400],
    ['application/json', '"seconds"', 400],
    ['application/json', 'null', 400],
    ['application/json', '{"constructor":{"seconds":60}}', 400],
    ['application/json', '{"__proto__":{"seconds":60}}', 400],
  ])('rejects a body of type %s that is %s with %s, and does not pause', async (type, body, status) => {
    const send = () =>
      request(service.url)
        .post('/admin/pause')
        .set('Authorization', `Bearer ${OPERATOR}`)
        .set('Content-Type', type)
        // As bytes: supertest would encode a text for JSON.
        .serialize(String)
        .send(body);
    const answer = await send();
    expect([answer.status, answer.type]).toEqual([status, 'application/problem+json']);
    const shown = await request(service.url).get('/admin/pause').set('Authorization', `Bearer ${VIEWER}`);
    expect(shown.body).toEqual({ paused: false });
  });

  it.each([
    [
      'body of 10 MB',
      (url: string) => post(url, '/admin/pause', Buffer.alloc(10_000_000, 0x20)),
      413,
      'body-too-large',
    ],
    ['path with a NUL', (url: string) => get(url, '/admin/status%00'), 404, 'not-found'],
    ['very long path', (url: string) => get(url, `/admin/${'x'.repeat(8_000)}`), 404, 'not-found'],
  ] as const)('answers a %s with a problem, and goes on', async (_, call, status, type) => {
    const answer = await call(service.url);
    expect([answer.status, await answer.json()]).toEqual([
      status,
      expect.objectContaining({ type: `urn:orderstream:problem:${type}`, status }),
    ]);
    expect((await get(service.url, '/admin/status')).status).toBe(200);
  });

  it.each([
    ['PATCH', '/admin/pause', 405, 'GET, HEAD, POST'],
    ['DELETE', '/admin/rate', 405, 'PUT'],
    ['GET', '/admin/rate', 405, 'PUT'],
    ['POST', '/health/live', 405, 'GET, HEAD'],
    ['OPTIONS', '/admin/pause', 204, 'GET, HEAD, POST'],
    ['OPTIONS', '/admin/nothing-here', 404, null],
    ['HEAD', '/admin/status', 200, null],
  ])('answers %s %s with %s, and the methods that the path has', async (method, path, status, allow) => {
    const answer = await fetch(service.url + path, { method, headers: withToken });
    expect([answer.status, answer.headers.get('allow')]).toEqual([status, allow]);
    const body = await answer.text();
    expect(body === '' ? undefined : (JSON.parse(body) as object)).toEqual(
      status < 400 ? undefined : (expect.objectContaining({ status }) as unknown),
    );
  });

  it.each([
    ['headers of 20 kB', `GET /admin/status HTTP/1.1\r\nHost: x\r\nX-Large: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
    ['2,000 headers', `GET /admin/status HTTP/1.1\r\nHost: x\r\n${'X-Many: 12345678\r\n'.repeat(2_000)}\r\n`, 431],
    ['what is not HTTP', 'HELO there\r\n\r\n', 400],
    ['a broken chunk', 'POST /admin/pause HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', 401],
  ])('answers %s with a problem, and goes on', async (_, bytes, status) => {
    const { hostname, port } = new URL(service.url);
    const socket = connect(Number(port), hostname);
    socket.end(bytes);
    const answer = await text(socket);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${String(status)} .*\\r\\n`));
    expect(answer).toMatch(/^content-type: application\/problem\+json/im);
    expect(answer).toContain(`"status":${String(status)}`);
    expect((await get(service.url, '/admin/status')).status).toBe(200);
  });

  it('counts rejected requests by reason', async () => {
    const { unknown_token = 0, no_token = 0, role = 0 } = await rejections();
    await request(service.url).get('/admin/status').set('Authorization', 'Bearer unknown').expect(401);
    await request(service.url).get('/admin/status').expect(401);
    await request(service.url).post('/admin/pause').set('Authorization', `Bearer ${VIEWER}`).expect(403);
    await request(service.url).get('/admin/status').set('Authorization', `Bearer ${VIEWER}`).expect(200);
    expect(await rejections()).toEqual({
      unknown_token: unknown_token + 1,
      no_token: no_token + 1,
      role: role + 1,
    });
  });

  it('describes its endpoints in the OpenAPI document', async () => {
    const docs = await request(service.url).get('/admin/docs').set('Authorization', `Bearer ${VIEWER}`);
    expect(docs.body).toMatchObject({ paths: { '/admin/status': {}, '/admin/rate': {} } });
  });

  it('never writes a token to the log', () => {
    const log = JSON.stringify(service.run.lines);
    expect(log).toContain('request to /admin rejected');
    expect(log).not.toMatch(/bearer/i);
    for (const token of [VIEWER, OPERATOR]) expect(log).not.toContain(token);
  });
});

describe('authentication', () => {
  it('rejects every token when none is configured, and says which setting is missing', async () => {
    const run = new Run({ ADMIN_TOKENS: '' });
    const url = await run.running();
    const answer = await request(url).get('/admin/status').set('Authorization', `Bearer ${OPERATOR}`);
    expect([answer.status, answer.text]).toEqual([503, expect.stringContaining('ADMIN_TOKENS')]);
    await run.stop();
  });

  it('blocks an address after 20 failed authentications, and still answers health', async () => {
    const run = new Run();
    const url = await run.running();
    const attempt = () => request(url).get('/admin/status').set('Authorization', 'Bearer unknown');
    for (let i = 0; i < 20; i++) await attempt().expect(401);
    const blocked = await attempt().expect(429);
    const seconds = Number(blocked.headers['retry-after']);
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThanOrEqual(60);
    await request(url).get('/health/live').expect(200);
    await run.stop();
  });

  it('accepts a known token at any time, however many requests from its address failed', async () => {
    const run = new Run();
    const url = await run.running();
    const status = (token: string) => request(url).get('/admin/status').set('Authorization', `Bearer ${token}`);
    for (let i = 0; i < 30; i++) {
      await status('unknown').expect(i < 20 ? 401 : 429);
      await status(VIEWER).expect(200);
    }
    await run.stop();
  });
});
