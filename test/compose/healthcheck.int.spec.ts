import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { join } from 'node:path';

const PROGRAM = join(__dirname, '../../deploy/docker/healthcheck.cjs');

interface Check {
  readonly ok: boolean;
  readonly detail?: string;
}

/** The exit code of the health check beside a service that answers so. */
async function check(status: number, body: string): Promise<{ code: number | null; printed: string }> {
  const server = createServer((_, response) => response.writeHead(status).end(body));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const child = spawn(process.execPath, [PROGRAM], { env: { HTTP_PORT: String(port) } });
  let printed = '';
  child.stdout.on('data', (part: Buffer) => (printed += part.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  server.close();
  return { code, printed };
}

const failing = (checks: Readonly<Record<string, Check>>): string => JSON.stringify({ status: 'failing', checks });
const paused: Check = { ok: false, detail: 'paused by operator' };

describe('the health check of the images', () => {
  it('is healthy when the service is ready, and when an operator has paused it', async () => {
    expect((await check(200, '{"status":"ok"}')).code).toBe(0);
    expect((await check(503, failing({ pause: paused, service: { ok: true } }))).code).toBe(0);
  });

  it.each([
    ['anything else is not ready', failing({ pause: { ok: true }, service: { ok: false, detail: 'restoring' } })],
    ['a paused service has another fault', failing({ pause: paused, partitions: { ok: false, detail: 'stopped' } })],
    ['the answer has no checks', '{"status":"failing"}'],
    ['the answer is not JSON', 'no'],
  ])('is unhealthy when %s, and prints the answer', async (_, body) => {
    expect(await check(503, body)).toEqual({ code: 1, printed: `${body}\n` });
  });
});
