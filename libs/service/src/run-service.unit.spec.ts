import request from 'supertest';
import { Run } from '../test/probe-service';

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
