import { type Health } from '@orderstream/observability';
import request from 'supertest';
import { OPERATOR, VIEWER } from '../../../test/support/fake-process';
import { type Control, RateDto, Run, runDuringTests, StatusDto } from '../test/probe-service';
import { HEALTH, SERVICE_CONTROL } from './index';

/** A request with a JSON body as it is written here. */
const command = (url: string, method: 'post' | 'put', path: string, body: string) =>
  request(url)[method](path).set('Authorization', `Bearer ${OPERATOR}`).type('json').send(body);

describe('problem details', () => {
  const service = runDuringTests();

  const deep = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`;
  it.each([
    ['30,000 nested arrays', `{"rate":${deep(30_000)}}`, /nested deeper than 16 levels/],
    ['a body that is nested itself', deep(30_000), /nested deeper than 16 levels/],
    ['nested objects', `${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`, /nested deeper than 16 levels/],
    ['20,000 values', `{"rate":[${'1,'.repeat(20_000)}1]}`, /more than 2000 values/],
    [
      '6,000 unknown fields',
      JSON.stringify(Object.fromEntries(Array.from({ length: 6_000 }, (_, i) => [i, 1]))),
      /values/,
    ],
    ['no JSON', '{"rate":', /JSON/],
  ])('rejects %s on every endpoint with 400', async (_, body, detail) => {
    for (const [method, path] of [
      ['put', '/admin/rate'],
      ['post', '/admin/pause'],
      ['post', '/admin/resume'],
    ] as const) {
      const answer = await command(service.url, method, path, body).expect(400);
      expect(answer.type).toBe('application/problem+json');
      expect(answer.body).toEqual({
        type: 'urn:orderstream:problem:invalid-request',
        status: 400,
        title: 'Bad Request',
        detail: expect.stringMatching(detail) as string,
      });
      expect(answer.text.length).toBeLessThan(500);
    }
  });

  it('names each problem of a body, and rejects a body where none is taken', async () => {
    const invalid = await command(service.url, 'put', '/admin/rate', '{"rate":-1,"colour":"red"}').expect(400);
    expect(invalid.body).toMatchObject({
      title: 'Bad Request',
      errors: ['property colour should not exist', 'rate must not be less than 0'],
    });
    const ignored = await command(service.url, 'post', '/admin/resume', '{"withoutBreakerRecords":5}').expect(400);
    expect(ignored.body).toMatchObject({ errors: ['property withoutBreakerRecords should not exist'] });
  });

  it('validates the body that a service declares for resume, passes it on, audits it, and documents it', async () => {
    const controls: Control[] = [];
    const declared = new Run(
      {},
      {
        admin: { status: StatusDto, resume: RateDto },
        prepare: (app) => {
          controls.push(app.get<Control>(SERVICE_CONTROL, { strict: false }));
          return Promise.resolve();
        },
      },
    );
    const declaredUrl = await declared.running();
    await command(declaredUrl, 'post', '/admin/resume', '{"rate":7}').expect(200);
    await command(declaredUrl, 'post', '/admin/resume', '{"rate":"7"}').expect(400);
    expect(controls[0]?.bodies).toEqual([{ rate: 7 }]);
    expect(declared.lines.filter(({ audit }) => audit === true)).toMatchObject([
      { actor: 'bob', action: 'POST /admin/resume', after: { rate: 7 }, status: 200 },
      { actor: 'bob', action: 'POST /admin/resume', after: { rate: '7' }, status: 400 },
    ]);
    const { body } = await request(declaredUrl).get('/admin/docs').set('Authorization', `Bearer ${VIEWER}`);
    const problem = { content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } } };
    expect(body).toMatchObject({
      paths: {
        '/admin/resume': {
          post: {
            requestBody: {
              required: false,
              content: { 'application/json': { schema: { $ref: expect.stringContaining('RateDto') as string } } },
            },
            responses: {
              200: {
                content: { 'application/json': { schema: { $ref: expect.stringContaining('StatusDto') as string } } },
              },
              400: problem,
              401: problem,
              403: problem,
              409: problem,
              412: problem,
              429: problem,
              503: problem,
            },
          },
        },
      },
      components: { schemas: { Problem: { properties: { status: {}, title: {}, detail: {} } } } },
    });
    await declared.stop();
  });

  it.each([
    [401, () => request(service.url).get('/admin/status')],
    [403, () => request(service.url).post('/admin/pause').set('Authorization', `Bearer ${VIEWER}`)],
    [404, () => request(service.url).get('/admin/nothing').set('Authorization', `Bearer ${VIEWER}`)],
    [413, () => command(service.url, 'put', '/admin/rate', `{"padding":"${'x'.repeat(70_000)}"}`)],
  ])('describes a %d', async (status, send) => {
    const answer = await send().expect(status);
    expect(answer.type).toBe('application/problem+json');
    expect(answer.body).toMatchObject({ status, detail: expect.stringMatching(/\w{3}/) as string });
  });
});

describe('a command', () => {
  const COMMANDS = [
    ['post', '/admin/pause'],
    ['post', '/admin/resume'],
    ['put', '/admin/rate'],
  ] as const;

  it('is rejected with 503 and the reason while the service starts and stops, changes nothing, and is audited', async () => {
    const run = new Run();
    const url = await run.url();
    for (const [method, path] of COMMANDS) {
      const { body } = await command(url, method, path, path === '/admin/rate' ? '{"rate":1}' : '').expect(503);
      expect(body).toMatchObject({
        title: 'Service Unavailable',
        detail: expect.stringContaining('starting') as string,
      });
    }
    await request(url).get('/admin/status').set('Authorization', `Bearer ${VIEWER}`).expect(200, { paused: false });
    expect(run.lines.filter(({ audit }) => audit === true).map(({ status }) => status)).toEqual([503, 503, 503]);
    await run.running();
    run.host.emit('SIGTERM', 'SIGTERM');
    const stopping = await command(url, 'post', '/admin/pause', '').expect(503);
    expect(stopping.body).toMatchObject({ detail: expect.stringContaining('stopping') as string });
    run.server.drained.resolve(undefined);
  });

  it('is rejected with 409 and the failed check after a failure that only a restart ends', async () => {
    const run = new Run(
      {},
      {
        prepare: (app) => {
          app.get<Health>(HEALTH).live('emitter', () => ({ ok: false, detail: 'the ledger is full' }));
          return Promise.resolve();
        },
      },
    );
    const url = await run.running();
    for (const [method, path] of COMMANDS) {
      const { body } = await command(url, method, path, path === '/admin/rate' ? '{"rate":1}' : '').expect(409);
      expect(body).toMatchObject({
        title: 'Conflict',
        detail: expect.stringContaining('emitter (the ledger is full)') as string,
        checks: { emitter: 'the ledger is full' },
      });
    }
    await request(url).get('/admin/status').set('Authorization', `Bearer ${VIEWER}`).expect(200, { paused: false });
    await run.stop();
  });
});
