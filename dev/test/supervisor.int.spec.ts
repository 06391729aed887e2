import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { LockedError, StartError } from '../src/errors';
import { type StackPaths, stackPaths } from '../src/paths';
import { lockHome } from '../src/process/home-lock';
import { ManagedProcess } from '../src/process/managed-process';
import { stopOrphans } from '../src/process/orphans';
import { PortFinder } from '../src/process/ports';
import { identify, isRunning } from '@orderstream/process-lock';
import { waitUntil } from '@orderstream/deadlines';
import { type Progress } from '../src/progress';
import { type Part } from '../src/stack/part';
import { Supervisor } from '../src/stack/supervisor';

const DEADLINE_MS = 10_000;

describe('processes of the stack', () => {
  let paths: StackPaths;
  let said: string[];
  const progress: Progress = {
    line: (text) => said.push(text),
    live: () => undefined,
    endLive: () => undefined,
    step: (_title, work) => work(() => undefined),
  };
  const never = new AbortController().signal;

  beforeEach(() => {
    said = [];
    paths = stackPaths('/nowhere', mkdtempSync(join(tmpdir(), 'stack-')));
  });
  afterEach(() => {
    rmSync(paths.home, { recursive: true, force: true });
  });

  /** A part that runs JavaScript; ready once it has written its file. Each start appends its pid to that file. */
  function part(name: string, script: string, stopGraceMs = 2_000): Part & { readonly pids: () => number[] } {
    const file = join(paths.home, `${name}.pids`);
    const pids = (): number[] =>
      existsSync(file)
        ? readFileSync(file, 'utf8')
            .split('\n')
            .filter((line) => line !== '')
            .map(Number)
        : [];
    const started = `require('fs').appendFileSync(${JSON.stringify(file)}, process.pid + '\\n');`;
    return {
      name,
      pids,
      process: () => ({
        name,
        command: process.execPath,
        args: ['-e', `${script};${started}setInterval(() => {}, 1000)`],
        env: {},
      }),
      isReady: () => Promise.resolve(pids().some((pid) => identify(pid) !== undefined)),
      readyWithinMs: DEADLINE_MS,
      stopGraceMs,
    };
  }

  it('start again when they are killed, and stop in the order that is asked for', async () => {
    const order: string[] = [];
    const noted = (name: string): ReturnType<typeof part> => ({
      ...part(name, ''),
      beforeStop: () => {
        order.push(name);
        return Promise.resolve();
      },
    });
    const [first, second] = [noted('first'), noted('second')];
    const supervisor = new Supervisor(paths, progress);
    await supervisor.start([first, second], never);
    process.kill(first.pids()[0] ?? 0, 'SIGKILL');
    await waitUntil(() => first.pids().length === 2 && supervisor.status()[0]?.state === 'running', {
      what: 'the killed part to run again',
      deadlineMs: DEADLINE_MS,
    });
    expect(supervisor.status()).toEqual([
      { name: 'first', state: 'running', restarts: 1 },
      { name: 'second', state: 'running', restarts: 0 },
    ]);
    await supervisor.stop(['second', 'first']);
    expect(order).toEqual(['second', 'first']);
    expect([...first.pids(), ...second.pids()].filter((pid) => identify(pid) !== undefined)).toEqual([]);
    expect(readdirSync(paths.run)).toEqual([]);
  });

  it('are killed when they do not end in their time', async () => {
    const stubborn = part('stubborn', "process.on('SIGTERM', () => {})", 300);
    const supervisor = new Supervisor(paths, progress);
    await supervisor.start([stubborn], never);
    await supervisor.stop([]);
    expect(identify(stubborn.pids()[0] ?? 0)).toBeUndefined();
    expect(said.at(-1)).toContain('was killed');
  });

  it('end the start with the end of their log when they die before they are ready', async () => {
    const broken = {
      ...part('broken', "console.error('no such topic'); process.exit(7)"),
      isReady: () => Promise.resolve(false),
    };
    const start = new Supervisor(paths, progress).start([broken], never);
    await expect(start).rejects.toThrow(StartError);
    await expect(start).rejects.toThrow(/broken exited with code 7.*\n.*no such topic/s);
  });

  it('that a killed runner left are stopped by the next one; a pid that is used again is not touched', async () => {
    const orphan = await ManagedProcess.start(await part('orphan', '').process(), paths);
    const stranger = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    const reused = { name: 'reused', pid: stranger.pid, startedAt: 'another time' };
    writeFileSync(join(paths.run, 'reused.json'), JSON.stringify(reused));
    expect(await stopOrphans(paths.run, ['orphan'], DEADLINE_MS)).toEqual(['orphan']);
    expect(isRunning(orphan.identity)).toBe(false);
    expect(identify(stranger.pid ?? 0)).toBeDefined();
    expect(readdirSync(paths.run)).toEqual([]);
    stranger.kill('SIGKILL');
  });

  it('share a folder with one runner at a time, and a dead one does not keep it', () => {
    const unlock = lockHome(paths.lock);
    expect(() => lockHome(paths.lock)).toThrow(LockedError);
    unlock();
    writeFileSync(paths.lock, JSON.stringify({ pid: process.pid, startedAt: 'an earlier process of this pid' }));
    lockHome(paths.lock)();
    expect(readdirSync(paths.home)).toEqual([]);
  });

  it('get the next free port where theirs is taken, and none of them twice', async () => {
    const ports = new PortFinder();
    const first = await ports.find(0);
    expect(await ports.find(first)).toBeGreaterThan(first);
  });
});
