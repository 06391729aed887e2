import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { waitUntil } from '@orderstream/deadlines';
import { acquireLock, identify } from '@orderstream/process-lock';
import { WarehouseRefresh } from '../src/dbt/warehouse-refresh';
import { PrerequisiteError } from '../src/errors';
import { type StackPaths, stackPaths } from '../src/paths';
import { type Progress } from '../src/progress';

const DEADLINE_MS = 10_000;

describe('the star schema of the local stack', () => {
  let paths: StackPaths;
  let lines: string[];
  let onLine: () => void;
  let refresh: WarehouseRefresh | undefined;
  let everything: AbortController;
  const progress: Progress = {
    line: (text) => {
      lines.push(text);
      onLine();
    },
    live: () => undefined,
    endLive: () => undefined,
    step: (_title, work) => work(() => undefined),
  };

  beforeEach(() => {
    lines = [];
    onLine = () => undefined;
    everything = new AbortController();
    const repository = mkdtempSync(join(tmpdir(), 'refresh-'));
    paths = stackPaths(repository);
    mkdirSync(paths.home);
  });
  afterEach(async () => {
    await refresh?.stop();
    rmSync(paths.repository, { recursive: true, force: true });
  });

  const started = (): string => join(paths.home, 'started');
  /** The arguments of each run of the program that `prepare` returns in place of dbt. */
  const runs = (): string[] =>
    existsSync(started())
      ? readFileSync(started(), 'utf8')
          .split('\n')
          .filter((line) => line !== '')
      : [];
  const line = (text: string) =>
    waitUntil(() => lines.join('\n').includes(text), { what: text, deadlineMs: DEADLINE_MS });
  const aRun = (count = 1) =>
    waitUntil(() => runs().length >= count, { what: `run ${count}`, deadlineMs: DEADLINE_MS });

  /** @param script what the program does after it has written its pid and its arguments */
  function create(script: string, prepare?: () => Promise<never>): WarehouseRefresh {
    const dbt = join(paths.home, 'dbt-program');
    writeFileSync(dbt, `#!/bin/sh\necho "$$ $ORDERSTREAM_DBT_API_ENDPOINT $@" >> ${started()}\n${script}\n`);
    chmodSync(dbt, 0o755);
    refresh = new WarehouseRefresh({
      paths,
      settings: { dbtRefreshMinutes: 0.001 },
      env: { PATH: process.env.PATH },
      progress,
      warehouse: { apiEndpoint: 'http://warehouse', projectId: 'p', dataset: 'd' },
      signal: everything.signal,
      prepare: prepare ?? (() => Promise.resolve({ dbt })),
      firstAfterMs: 1,
    });
    return refresh;
  }

  it('is built in the warehouse of the stack, reported once, and built again on schedule', async () => {
    const built = create('exit 0');
    built.start();
    await aRun(3);
    expect(runs()[0]).toMatch(/^\d+ http:\/\/warehouse .*build/);
    await line('The star schema is built');
    expect(lines).toHaveLength(1);
    expect(built.state).toMatchObject({ kind: 'built' });
  });

  it('never has two builds at once, also not beside npm run dbt', async () => {
    const unlock = acquireLock(join(paths.home, 'dbt', 'lock'));
    create(
      `test -e ${paths.home}/busy && echo two >> ${paths.home}/two; touch ${paths.home}/busy; sleep 0.2; rm ${paths.home}/busy`,
    ).start();
    await delay(300);
    expect(runs()).toEqual([]);
    unlock();
    await aRun(3);
    expect(existsSync(join(paths.home, 'two'))).toBe(false);
  });

  it('waits for the history, also for one that fails', async () => {
    let fail: (error: Error) => void = () => undefined;
    const history = new Promise((_, reject) => {
      fail = reject;
    });
    create('exit 0').start(history);
    await delay(300);
    expect(runs()).toEqual([]);
    fail(new Error('no history'));
    await aRun();
  });

  it('reports what failed, and is built at the next time', async () => {
    const failing = create(`test -e ${paths.home}/good && exit 0; echo the reason; exit 1`);
    const states: unknown[] = [];
    onLine = () => states.push(failing.state);
    failing.start();
    await line('the reason');
    writeFileSync(join(paths.home, 'good'), '');
    await line('The star schema is built');
    expect(states[0]).toEqual({ kind: 'failed', asOf: undefined });
    expect(states.at(-1)).toMatchObject({ kind: 'built' });
  });

  it('leaves the stream alone when dbt cannot be installed', async () => {
    const without = create('exit 0', () => Promise.reject(new PrerequisiteError(['Python 3.13'])));
    without.start();
    await line('There is no star schema');
    expect(lines.join('\n')).toContain('Python 3.13');
    expect(lines.join('\n')).toContain('The stream does not need it.');
    expect(without.state).toMatchObject({ kind: 'failed' });
    await without.stop();
  });

  it.each([
    ['stop()', () => undefined],
    ['the signal of the stack', () => everything.abort(new Error('Ctrl-C'))],
  ])('ends a build at once on %s, and leaves no process, no lock and no message', async (_, abort) => {
    const built = create('exec sleep 600');
    built.start();
    await aRun();
    const pid = Number(runs()[0]?.split(' ')[0]);
    expect(identify(pid)).toBeDefined();
    const before = performance.now();
    abort();
    await built.stop();
    expect(performance.now() - before).toBeLessThan(1_500);
    expect(identify(pid)).toBeUndefined();
    expect(readdirSync(join(paths.home, 'dbt'))).toEqual([]);
    expect(readdirSync(paths.run)).toEqual([]);
    expect(lines).toEqual([]);
  });

  it('is a process of the stack while it is built, so that the next start stops it after a kill of the runner', async () => {
    create('exec sleep 600').start();
    await aRun();
    const entry = JSON.parse(readFileSync(join(paths.run, 'dbt.json'), 'utf8')) as { pid: number };
    expect(entry.pid).toBe(Number(runs()[0]?.split(' ')[0]));
  });
});
