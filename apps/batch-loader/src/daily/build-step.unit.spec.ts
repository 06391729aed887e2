import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BuildStep, buildArguments } from './build-step';
import { type StepContext } from './daily-job';
import { type DailyPlan } from './daily-run';
import { Dbt } from './dbt';

const RANGE = { from: '2026-01-30', to: '2026-02-01' };
const PLAN: DailyPlan = { scheduledAt: '2026-02-01T02:00:00Z', range: RANGE, isBackfill: false, runs: [] };
const never = new AbortController().signal;
const context = (tries = 0, signal = never): StepContext => ({
  run: { id: 'daily', plan: PLAN, state: 'running', createdAt: '', startedBy: [], steps: {} },
  tries,
  signal,
});

describe('the arguments of dbt', () => {
  it('are those of a build without unit tests', () => {
    expect(buildArguments(PLAN, 0)).toEqual(['build', '--exclude-resource-type', 'unit_test']);
  });

  it('rebuild and test the days of a backfill', () => {
    const args = buildArguments({ ...PLAN, isBackfill: true }, Date.parse('2026-02-20T12:00:00Z'));
    expect(args.slice(0, 4)).toEqual(['build', '--exclude-resource-type', 'unit_test', '--vars']);
    expect(JSON.parse(args[4] ?? '')).toEqual({ from: '2026-01-30', to: '2026-01-31', tested_days: 22 });
  });
});

describe('the build', () => {
  let folder: string;
  /** A program in the place of dbt. */
  const program = (script: string): string => {
    const path = join(folder, 'dbt');
    writeFileSync(path, `#!/bin/sh\n${script}\n`);
    chmodSync(path, 0o755);
    return path;
  };
  const build = (command: string, timeoutMs = 60_000): BuildStep =>
    new BuildStep(new Dbt({ command: [command], env: { PATH: process.env.PATH }, timeoutMs }));

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'orderstream-build-'));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('says what dbt has done', async () => {
    const dbt = program('echo "02:00:01  Done. PASS=12 WARN=0 ERROR=0 SKIP=0 NO-OP=0 TOTAL=12"');
    expect(await build(dbt).run(context())).toMatch(/^dbt build: PASS=12 .*TOTAL=12, \d+ s$/);
  });

  it('fails with the end of the output, and retries only what has failed', async () => {
    const dbt = program('[ "$1" = retry ] && exit 0; echo "Failure in test unique_fact_orders"; exit 1');
    const step = build(dbt);
    await expect(step.run(context())).rejects.toMatchObject({
      code: 'DAILY_BUILD_FAILED',
      retriable: true,
      message: expect.stringContaining('Failure in test unique_fact_orders'),
    });
    expect(await step.run(context(1))).toMatch(/^dbt retry/);
    // A new start of the run begins with a build.
    await expect(step.run(context())).rejects.toMatchObject({ code: 'DAILY_BUILD_FAILED' });
  });

  it('builds again after an error of dbt itself', async () => {
    const step = build(program('echo "$1"; exit 2'));
    await expect(step.run(context())).rejects.toThrow('dbt build ended with 2');
    await expect(step.run(context(1))).rejects.toThrow('dbt build ended with 2');
  });

  it('ends dbt after its time', async () => {
    const dbt = program('exec sleep 60');
    await expect(build(dbt, 200).run(context())).rejects.toThrow(/was ended after .*DAILY_BUILD_TIMEOUT_MINUTES/);
  });

  it('ends dbt when the process stops', async () => {
    const stop = new AbortController();
    const running = build(program('exec sleep 60')).run(context(0, stop.signal));
    setTimeout(() => stop.abort(new Error('stopped by SIGTERM')), 50);
    await expect(running).rejects.toThrow('stopped by SIGTERM');
  });

  it('says that the program is missing', async () => {
    await expect(build('/nowhere/dbt').run(context())).rejects.toMatchObject({
      retriable: false,
      message: expect.stringContaining('DAILY_DBT'),
    });
  });
});
