import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { ServiceProbe } from './service-probe';

const TOKEN = 'token-of-the-console';
const servers: Server[] = [];

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
}

interface Answers {
  readonly ready?: object;
  readonly metrics?: string;
  readonly status?: object;
}

const answering =
  ({ ready = { checks: {} }, metrics = '', status = { state: 'joined' } }: Answers): RequestListener =>
  (request, response) => {
    if (request.url === '/admin/status' && request.headers.authorization !== `Bearer ${TOKEN}`) {
      response.writeHead(401).end('{}');
      return;
    }
    const isReady = !JSON.stringify(ready).includes('false');
    if (request.url === '/health/ready') response.writeHead(isReady ? 200 : 503).end(JSON.stringify(ready));
    else if (request.url === '/metrics') response.end(metrics);
    else response.end(JSON.stringify(status));
  };

const probeOf = (url: string, token: string | undefined = TOKEN, timeoutMs = 10_000): ServiceProbe =>
  new ServiceProbe({ name: 'validator', url, token, timeoutMs });

afterAll(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

describe('what the console asks of a service', () => {
  it('is its health, its status, and its figures', async () => {
    const metrics = [
      '# HELP orderstream_consumer_lag_records x',
      'orderstream_consumer_lag_records{app="validator",topic="a",partition="0"} 3',
      'orderstream_consumer_lag_records{app="validator",topic="a",partition="1"} 4',
      'orderstream_consumer_lag_seconds{app="validator",topic="a",partition="0"} 1.25',
      'orderstream_consumer_lag_seconds{app="validator",topic="a",partition="1"} 0.5',
      'other_metric 7',
    ].join('\n');
    const report = await probeOf(await serve(answering({ metrics }))).ask();
    expect(report).toEqual({
      name: 'validator',
      url: report.url,
      state: 'ready',
      figures: { lagRecords: 7, lagSeconds: 1.25 },
      status: { state: 'joined' },
    });
  });

  it('shows the failing checks of a service that is not ready', async () => {
    const ready = {
      ok: false,
      checks: { service: { ok: true, detail: 'running' }, consumer: { ok: false, detail: 'paused' } },
    };
    const report = await probeOf(await serve(answering({ ready }))).ask();
    expect(report).toMatchObject({ state: 'not-ready', checks: { consumer: 'paused' } });
    expect(Object.keys(report.checks ?? {})).toEqual(['consumer']);
  });

  it('is cut off at the deadline when the service does not answer', async () => {
    const startedMs = performance.now();
    const report = await probeOf(await serve(() => undefined), TOKEN, 300).ask();
    expect(report).toMatchObject({ state: 'unreachable' });
    expect(report.error).toContain('/health/ready: no answer in time');
    expect(performance.now() - startedMs).toBeLessThan(5_000);
  });

  it('says why a service is unreachable', async () => {
    const url = await serve(() => undefined);
    const server = servers.pop();
    await new Promise((resolve) => server?.close(resolve));
    const report = await probeOf(url).ask();
    expect(report).toMatchObject({ state: 'unreachable' });
    expect(report.error).toContain('ECONNREFUSED');
  });

  it('takes no other program for a service', async () => {
    const report = await probeOf(await serve((_, response) => response.end('<html>'))).ask();
    expect(report.state).toBe('unreachable');
    expect(report).not.toHaveProperty('status');
  });

  it('leaves the status out without a token, and says so when the token is not known', async () => {
    const url = await serve(answering({}));
    expect(await new ServiceProbe({ name: 'x', url, token: undefined, timeoutMs: 10_000 }).ask()).toEqual({
      ...{ name: 'x', url, state: 'ready', figures: {} },
    });
    const rejected = await probeOf(url, 'another').ask();
    expect(rejected).toMatchObject({ state: 'ready', error: '/admin/status: status 401' });
  });
});
