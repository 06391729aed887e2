import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AnswerError, type ServiceClient } from '../stack/service-client';
import { FirstHistory, type FirstHistoryOptions } from './first-history';

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

/** A batch loader whose run has the next of these states at each look. */
function batchLoader(states: string[], asked: Asked[] = []): Promise<ServiceClient> {
  const run = () => ({ id: 'load_1', state: states.shift() ?? 'running', blocks: [{ rowsOut: 1_234 }] });
  const request = (method: string, path: string, body?: object): Promise<unknown> => {
    asked.push({ method, path, body });
    return Promise.resolve(method === 'POST' ? { runs: [run()] } : run());
  };
  return Promise.resolve({ request } as unknown as ServiceClient);
}

const AT_ONCE = { pollMs: 1, startAgainAfterMs: 0 };

describe('the first history', () => {
  let data: string;
  let lines: string[];
  beforeEach(() => {
    data = mkdtempSync(join(tmpdir(), 'first-history-'));
    lines = [];
  });
  afterEach(() => {
    rmSync(data, { recursive: true });
  });
  const history = (orders = 5_000, timing?: FirstHistoryOptions['timing']): FirstHistory =>
    new FirstHistory({
      ...(timing !== undefined && { timing }),
      paths: { data },
      progress: {
        line: (text: string) => lines.push(text),
        live: () => undefined,
        endLive: () => undefined,
        step: () => Promise.reject(new Error('no step')),
      },
      orders,
    });

  it('is one run of the year before the first start, and is not loaded by the next one', async () => {
    const asked: Asked[] = [];
    const first = history();
    first.start(batchLoader(['waiting', 'succeeded'], asked));
    expect(await first.done).toBe('loaded');
    expect(asked.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'POST /admin/runs',
      'GET /admin/runs/load_1',
    ]);
    const { from, to } = asked[0]?.body as { from: string; to: string };
    expect(asked[0]?.body).toMatchObject({ rows: 5_000, partition: 'range' });
    expect((Date.parse(to) - Date.parse(from)) / 86_400_000).toBe(364);
    expect(to < new Date().toISOString().slice(0, 10)).toBe(true);
    expect(lines.join()).toContain(`1,234 orders of ${from} to ${to}`);

    const next = history();
    next.start(batchLoader([], asked));
    expect(await next.done).toBe('loaded before');
    expect(asked).toHaveLength(2);
  });

  it('goes on with the same run after a start that ended before it', async () => {
    const asked: Asked[] = [];
    const first = history();
    first.start(batchLoader(['waiting', 'failed'], asked));
    expect(await first.done).toBe('failed');
    expect(lines.join()).toContain('run load_1 is failed. The next start tries again.');
    const next = history();
    next.start(batchLoader(['running', 'succeeded'], asked));
    expect(await next.done).toBe('loaded');
    const [begun, again] = asked.filter(({ method }) => method === 'POST');
    expect(again?.body).toEqual(begun?.body);
  });

  it('asks again when the batch loader does not answer', async () => {
    const asked: Asked[] = [];
    const loader = await batchLoader(['waiting', 'succeeded'], asked);
    const answers = jest.spyOn(loader, 'request');
    answers.mockRejectedValueOnce(new TypeError('fetch failed'));
    const one = history();
    one.start(Promise.resolve(loader));
    expect(await one.done).toBe('loaded');
    expect(answers.mock.calls.map(([method]) => method)).toEqual(['POST', 'POST', 'GET']);
  });

  it('starts its run again when no process carries it out, also while the batch loader is not ready', async () => {
    const asked: Asked[] = [];
    const loader = await batchLoader(['waiting', 'running', 'running', 'running', 'succeeded'], asked);
    const answer = loader.request.bind(loader);
    let [looks, starts] = [0, 0];
    jest.spyOn(loader, 'request').mockImplementation(async (method, path, body, signal) => {
      if (method === 'POST' && ++starts === 2) throw new AnswerError('http://loader', 503);
      const run = (await answer(method, path, body, signal)) as object;
      return method === 'GET' && looks++ === 0 ? { ...run, interrupted: true } : run;
    });
    const one = history(5_000, AT_ONCE);
    one.start(Promise.resolve(loader));
    expect(await one.done).toBe('loaded');
    expect([starts, asked.filter(({ method }) => method === 'POST')]).toEqual([3, [asked[0], asked[0]]]);
  });

  it('fails when its run is started again and again, and never begins', async () => {
    const asked: Asked[] = [];
    const one = history(5_000, AT_ONCE);
    one.start(batchLoader(Array<string>(100).fill('waiting'), asked));
    expect(await one.done).toBe('failed');
    expect(asked.filter(({ method }) => method === 'POST')).toHaveLength(10);
    expect(lines.join()).toContain('run load_1 was started 10 times and has not ended');
  });

  it('is none with 0 orders, and waits for nothing once it is stopped', async () => {
    const none = history(0);
    none.start(batchLoader([]));
    expect(await none.done).toBe('none');
    const stopped = history();
    stopped.start(batchLoader([]));
    await new Promise(setImmediate);
    await stopped.stop();
    expect(await stopped.done).toBe('stopped');
    const notReady = history();
    notReady.start(new Promise(() => undefined));
    await notReady.stop();
    expect(await notReady.done).toBe('stopped');
    expect(JSON.parse(readFileSync(join(data, 'first-history.json'), 'utf8'))).toMatchObject({ isLoaded: false });
  });
});
