import { createHash } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { Body, Controller, Injectable, Module, Put } from '@nestjs/common';
import { Server, type CustomTransportStrategy } from '@nestjs/microservices';
import { ApiProperty } from '@nestjs/swagger';
import { defineSettings, serviceSettings } from '@orderstream/config';
import { waitUntil } from '@orderstream/deadlines';
import { createLogger, type Health } from '@orderstream/observability';
import { IsInt, Min } from 'class-validator';
import request from 'supertest';
import { HEALTH, runService, SERVICE_CONTROL, type ServiceDefinition } from './index';

const settings = defineSettings({ service: serviceSettings });
const sha256 = (token: string): string => createHash('sha256').update(token).digest('hex');
const VIEWER = 'token-of-a-viewer';
const OPERATOR = 'token-of-an-operator';
const TOKENS = JSON.stringify([
  { name: 'ann', role: 'viewer', sha256: sha256(VIEWER) },
  { name: 'bob', role: 'operator', sha256: sha256(OPERATOR) },
]);

class RateDto {
  @ApiProperty()
  @IsInt()
  @Min(0)
  rate: number;
}

class StatusDto {
  @ApiProperty()
  paused: boolean;
}

@Controller('admin/rate')
class RateController {
  @Put()
  set(@Body() body: RateDto): RateDto {
    return body;
  }
}

@Controller('forgotten')
class UnguardedController {
  @Put()
  anything(): string {
    return 'reached';
  }
}

@Injectable()
class Control {
  private paused = false;
  status(): object {
    return { paused: this.paused };
  }
  pause(): Promise<void> {
    this.paused = true;
    return Promise.resolve();
  }
  readonly bodies: unknown[] = [];
  resume(body?: object): Promise<void> {
    this.bodies.push(body);
    this.paused = false;
    return Promise.resolve();
  }
}

@Module({
  controllers: [RateController, UnguardedController],
  providers: [{ provide: SERVICE_CONTROL, useClass: Control }],
})
class AppModule {}

/** A transport that opens and drains when the test says so. */
class SlowServer extends Server implements CustomTransportStrategy {
  readonly opened = Promise.withResolvers<undefined>();
  readonly drained = Promise.withResolvers<undefined>();
  listens = 0;
  closes = 0;

  listen(callback: (error?: unknown) => void): void {
    this.listens += 1;
    this.opened.promise.then(() => {
      callback();
    }, callback);
  }
  async close(): Promise<void> {
    this.closes += 1;
    await this.drained.promise;
  }
  on(): never {
    throw new Error('no events');
  }
  unwrap(): never {
    throw new Error('nothing underneath');
  }
}

/** A process whose signals the test emits and whose exit it awaits. */
class FakeProcess extends EventEmitter {
  readonly exited = Promise.withResolvers<number>();
  written = '';
  readonly stderr = {
    write: (text: string): void => {
      this.written += text;
    },
  };
  exit(code: number): void {
    this.exited.resolve(code);
  }
}

interface LogLine {
  readonly msg: string;
  readonly level: string;
  readonly url?: string;
  readonly [name: string]: unknown;
}

class Run {
  readonly host = new FakeProcess();
  readonly lines: LogLine[] = [];
  readonly server = new SlowServer();
  readonly ready: Promise<void>;
  private readonly emitter = new EventEmitter();

  constructor(env: NodeJS.ProcessEnv = {}, changes: Partial<ServiceDefinition<{ service: never }>> = {}) {
    const logger = createLogger({
      service: 'probe',
      level: 'info',
      destination: {
        write: (text: string): void => {
          this.lines.push(JSON.parse(text) as LogLine);
          this.emitter.emit('line');
        },
      },
    });
    this.ready = runService(
      { name: 'probe', settings, module: () => AppModule, servers: () => [this.server], ...(changes as object) },
      { env: { HTTP_PORT: '0', ADMIN_TOKENS: TOKENS, ...env }, host: this.host, logger },
    );
  }

  async line(msg: string): Promise<LogLine> {
    for (;;) {
      const found = this.lines.find((line) => line.msg.includes(msg));
      if (found !== undefined) return found;
      await new Promise((resolve) => this.emitter.once('line', resolve));
    }
  }

  async url(): Promise<string> {
    return String((await this.line('listening')).url);
  }

  async running(): Promise<string> {
    this.server.opened.resolve(undefined);
    await this.ready;
    return this.url();
  }

  async stop(): Promise<number> {
    this.server.opened.resolve(undefined);
    this.server.drained.resolve(undefined);
    await this.ready;
    this.host.emit('SIGTERM', 'SIGTERM');
    return this.host.exited.promise;
  }
}

describe('a running service', () => {
  let run: Run;
  let url: string;
  beforeAll(async () => {
    run = new Run();
    url = await run.running();
  });
  afterAll(async () => {
    await run.stop();
  });
  /** Rejected requests so far, by reason. */
  async function rejections(): Promise<Record<string, number>> {
    const { text } = await request(url).get('/metrics');
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
    const call = request(url)[method === 'GET' ? 'get' : method === 'PUT' ? 'put' : 'post'](path);
    if (token !== undefined) void call.set('Authorization', `Bearer ${token}`);
    await call.expect(status);
  });

  it('pauses and resumes for an operator, and audits the operator by name', async () => {
    const paused = await request(url).post('/admin/pause').set('Authorization', `Bearer ${OPERATOR}`);
    expect(paused.body).toEqual({ paused: true });
    const resumed = await request(url).post('/admin/resume').set('Authorization', `Bearer ${OPERATOR}`);
    expect(resumed.body).toEqual({ paused: false });
    expect(run.lines.filter(({ audit, status }) => audit === true && status === 200).at(-1)).toMatchObject({
      actor: 'bob',
      role: 'operator',
      action: 'POST /admin/resume',
    });
  });

  it('ends a pause with a limit by itself, and rejects a limit that is not 1 to 600 seconds', async () => {
    const pause = (body: object) =>
      request(url).post('/admin/pause').set('Authorization', `Bearer ${OPERATOR}`).send(body);
    for (const seconds of [0, 601, 1.5, '10', null]) await pause({ seconds }).expect(400);
    await pause({ seconds: 1 }).expect(200, { paused: true });
    await waitUntil(
      async () => {
        const { body } = await request(url).get('/admin/status').set('Authorization', `Bearer ${VIEWER}`);
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
    await request(url).put('/admin/rate').set('Authorization', `Bearer ${OPERATOR}`).send(body).expect(400);
  });

  it('accepts a valid body, rejects a large one, and rejects a request without a token before reading its body', async () => {
    await request(url)
      .put('/admin/rate')
      .set('Authorization', `Bearer ${OPERATOR}`)
      .send({ rate: 5 })
      .expect(200, { rate: 5 });
    const large = { rate: 5, padding: 'x'.repeat(70_000) };
    await request(url).put('/admin/rate').set('Authorization', `Bearer ${OPERATOR}`).send(large).expect(413);
    await request(url).put('/admin/rate').send(large).expect(401);
  });

  it('counts rejected requests by reason', async () => {
    const { unknown_token = 0, no_token = 0, role = 0 } = await rejections();
    await request(url).get('/admin/status').set('Authorization', 'Bearer unknown').expect(401);
    await request(url).get('/admin/status').expect(401);
    await request(url).post('/admin/pause').set('Authorization', `Bearer ${VIEWER}`).expect(403);
    await request(url).get('/admin/status').set('Authorization', `Bearer ${VIEWER}`).expect(200);
    expect(await rejections()).toEqual({
      unknown_token: unknown_token + 1,
      no_token: no_token + 1,
      role: role + 1,
    });
  });

  it('describes its endpoints in the OpenAPI document', async () => {
    const docs = await request(url).get('/admin/docs').set('Authorization', `Bearer ${VIEWER}`);
    expect(docs.body).toMatchObject({ paths: { '/admin/status': {}, '/admin/rate': {} } });
  });

  it('never writes a token to the log', () => {
    const log = JSON.stringify(run.lines);
    expect(log).toContain('request to /admin rejected');
    expect(log).not.toMatch(/bearer/i);
    for (const token of [VIEWER, OPERATOR]) expect(log).not.toContain(token);
  });
});

/** A request with a JSON body as it is written here. */
const command = (url: string, method: 'post' | 'put', path: string, body: string) =>
  request(url)[method](path).set('Authorization', `Bearer ${OPERATOR}`).type('json').send(body);

describe('problem details', () => {
  let run: Run;
  let url: string;
  beforeAll(async () => {
    run = new Run();
    url = await run.running();
  });
  afterAll(async () => {
    await run.stop();
  });

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
      const answer = await command(url, method, path, body).expect(400);
      expect(answer.type).toBe('application/problem+json');
      expect(answer.body).toEqual({
        status: 400,
        title: 'Bad Request',
        detail: expect.stringMatching(detail) as string,
      });
      expect(answer.text.length).toBeLessThan(500);
    }
  });

  it('names each problem of a body, and rejects a body where none is taken', async () => {
    const invalid = await command(url, 'put', '/admin/rate', '{"rate":-1,"colour":"red"}').expect(400);
    expect(invalid.body).toMatchObject({
      title: 'Bad Request',
      errors: ['property colour should not exist', 'rate must not be less than 0'],
    });
    const ignored = await command(url, 'post', '/admin/resume', '{"withoutBreakerRecords":5}').expect(400);
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
      { actor: 'bob', action: 'POST /admin/resume', change: { rate: 7 }, status: 200 },
      { actor: 'bob', action: 'POST /admin/resume', change: { rate: '7' }, status: 400 },
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
    [401, () => request(url).get('/admin/status')],
    [403, () => request(url).post('/admin/pause').set('Authorization', `Bearer ${VIEWER}`)],
    [404, () => request(url).get('/admin/nothing').set('Authorization', `Bearer ${VIEWER}`)],
    [413, () => command(url, 'put', '/admin/rate', `{"padding":"${'x'.repeat(70_000)}"}`)],
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

describe('start and stop', () => {
  it('answers health while its transports open, and is ready once they are open', async () => {
    const run = new Run();
    const url = await run.url();
    const opening = await request(url).get('/health/ready').expect(503);
    expect(opening.body).toMatchObject({ status: 'failing', checks: { service: { detail: 'starting' } } });
    await request(url).get('/health/live').expect(200);
    await run.running();
    await request(url).get('/health/ready').expect(200);
    await run.stop();
  });

  it('waits for its dependencies before it prepares anything: alive, not ready, and says why', async () => {
    const reached = Promise.withResolvers<undefined>();
    let isThere = false;
    let prepared = false;
    const unreachable = Object.assign(new Error('no broker answers at k:9092'), { retriable: true });
    const run = new Run(
      {},
      {
        dependencies: () => [
          { what: 'Kafka', reach: () => (isThere ? Promise.resolve() : Promise.reject(unreachable)) },
        ],
        prepare: () => {
          prepared = true;
          reached.resolve(undefined);
          return Promise.resolve();
        },
      },
    );
    const url = await run.url();
    await run.line('waiting: no broker answers');
    const waiting = await request(url).get('/health/ready').expect(503);
    expect(waiting.body).toMatchObject({
      checks: { service: { detail: 'starting, waiting: no broker answers at k:9092' } },
    });
    await request(url).get('/health/live').expect(200);
    expect(prepared).toBe(false);
    isThere = true;
    await reached.promise;
    await run.running();
    await request(url).get('/health/ready').expect(200);
    await run.stop();
  });

  it('exits with 0 when the signal comes while it waits for a dependency', async () => {
    const unreachable = Object.assign(new Error('no broker'), { retriable: true });
    const run = new Run({}, { dependencies: () => [{ what: 'Kafka', reach: () => Promise.reject(unreachable) }] });
    await run.line('waiting: no broker');
    run.host.emit('SIGTERM', 'SIGTERM');
    expect(await run.host.exited.promise).toBe(0);
    await run.ready;
    expect(run.server.listens).toBe(0);
  });

  it('is not ready after SIGTERM, drains its transports while health answers, and exits with 0', async () => {
    const run = new Run();
    const url = await run.running();
    run.host.emit('SIGTERM', 'SIGTERM');
    const draining = await request(url).get('/health/ready').expect(503);
    expect(draining.body).toMatchObject({ checks: { service: { detail: 'stopping' } } });
    await request(url).get('/health/live').expect(200);
    run.server.drained.resolve(undefined);
    expect(await run.host.exited.promise).toBe(0);
    expect(run.server.closes).toBeGreaterThan(0);
    await expect(request(url).get('/health/live')).rejects.toThrow('ECONNREFUSED');
  });

  it('exits with 1 when it does not drain in time', async () => {
    const run = new Run({ SHUTDOWN_TIMEOUT_MS: '100' });
    await run.running();
    run.host.emit('SIGTERM', 'SIGTERM');
    expect(await run.host.exited.promise).toBe(1);
    expect(await run.line('not drained')).toMatchObject({ level: 'fatal', code: 'DEADLINE_EXCEEDED' });
    run.server.drained.resolve(undefined);
  });

  it('exits at once on a second signal', async () => {
    const run = new Run();
    await run.running();
    run.host.emit('SIGTERM', 'SIGTERM');
    run.host.emit('SIGINT', 'SIGINT');
    expect(await run.host.exited.promise).toBe(130);
    run.server.drained.resolve(undefined);
  });

  it('exits with 0 when the signal comes during the start, and opens no transport', async () => {
    const preparing = Promise.withResolvers<undefined>();
    const run = new Run(
      {},
      {
        prepare: async () => {
          await preparing.promise;
        },
      },
    );
    await run.url();
    run.host.emit('SIGTERM', 'SIGTERM');
    preparing.resolve(undefined);
    expect(await run.host.exited.promise).toBe(0);
    await run.ready;
    expect([run.server.listens, run.server.closes]).toEqual([0, 0]);
  });

  it('exits with 1 on an unhandled rejection', async () => {
    const run = new Run();
    await run.running();
    run.host.emit('unhandledRejection', new Error('lost'));
    expect(await run.host.exited.promise).toBe(1);
    expect(await run.line('unhandled promise rejection')).toMatchObject({ level: 'fatal', err: { message: 'lost' } });
    await run.stop();
  });
});

describe('a failed start', () => {
  it('names every invalid setting without its value, and exits with 2', async () => {
    const run = new Run({ HTTP_PORT: 'eighty', ADMIN_TOKENS: 'hunter2' });
    expect(await run.host.exited.promise).toBe(2);
    expect(run.host.written).toContain('HTTP_PORT');
    expect(run.host.written).toContain('ADMIN_TOKENS');
    expect(run.host.written).not.toMatch(/eighty|hunter2|\n +at /);
  });

  it('reports in one line that the port is in use, and exits with 1', async () => {
    const first = new Run();
    const port = new URL(await first.running()).port;
    const second = new Run({ HTTP_PORT: port });
    expect(await second.host.exited.promise).toBe(1);
    const line = await second.line('the start failed');
    expect(line).toMatchObject({ level: 'fatal', code: 'LISTEN_FAILED', msg: expect.stringContaining('EADDRINUSE') });
    expect(line).not.toHaveProperty('err');
    await first.stop();
  });

  it('logs the stack of an unexpected error', async () => {
    const run = new Run({}, { prepare: () => Promise.reject(new TypeError('a defect')) });
    expect(await run.host.exited.promise).toBe(1);
    expect(await run.line('the start failed')).toMatchObject({ err: { stack: expect.stringContaining('at ') } });
    await run.stop();
  });
});
