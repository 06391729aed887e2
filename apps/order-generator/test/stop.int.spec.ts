import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitUntil } from '@orderstream/deadlines';
import { freePort } from '../../../test/support/free-port';
import { OPERATOR, TOKENS } from '../../../test/support/fake-process';
import { GeneratorProcess } from './generator-process';

const WAIT_MS = 60_000;

describe('a generator that an operator has stopped', () => {
  let directory: string;
  let url: string;
  let generator: GeneratorProcess | undefined;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'orderstream-journal-'));
  });
  afterEach(async () => {
    // The stop is a setting of the broker: every generator of a later test would obey it.
    await request('POST', '/admin/start').catch(() => undefined);
    await generator?.end('SIGKILL');
    rmSync(directory, { recursive: true });
  });

  async function request(method: string, path: string): Promise<{ code: number; body: Record<string, unknown> }> {
    const response = await fetch(url + path, { method, headers: { authorization: `Bearer ${OPERATOR}` } });
    return { code: response.status, body: (await response.json()) as Record<string, unknown> };
  }
  async function start(): Promise<void> {
    const port = await freePort();
    url = `http://127.0.0.1:${String(port)}`;
    generator = new GeneratorProcess(directory, {
      HTTP_PORT: String(port),
      ADMIN_TOKENS: TOKENS,
      GENERATOR_RATE: '500',
    });
    await waitUntil(
      async () => {
        const { checks } = (await request('GET', '/health/ready')).body as { checks?: { service?: { ok: boolean } } };
        return checks?.service?.ok === true;
      },
      { what: 'the generator to have started', deadlineMs: WAIT_MS },
    );
  }

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'emits nothing new after %s and a restart, until it is started again',
    async (signal) => {
      await start();
      await generator?.acknowledged(500);
      expect((await request('POST', '/admin/stop')).code).toBe(200);
      const { body: before } = await request('GET', '/admin/status');
      expect(before).toMatchObject({ state: 'stopped', pause: { scope: 'service', by: 'bob' } });
      await generator?.end(signal);

      await start();
      expect((await request('GET', '/health/ready')).code).toBe(503);
      const { body: after } = await request('GET', '/admin/status');
      expect(after).toMatchObject({ state: 'stopped', nextSeq: before.nextSeq, pause: before.pause });

      expect((await request('POST', '/admin/start')).code).toBe(200);
      await generator?.acknowledged(Number(before.nextSeq) + 500);
      expect((await request('GET', '/health/ready')).code).toBe(200);
    },
    3 * WAIT_MS,
  );
});
