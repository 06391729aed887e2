import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitUntil } from '@orderstream/deadlines';
import { identify, isRunning } from '@orderstream/process-lock';
import { LockedError, StartError } from '../src/errors';
import { type StackPaths, stackPaths } from '../src/paths';
import { lockHome } from '../src/process/home-lock';
import { ManagedProcess } from '../src/process/managed-process';
import { stopOrphans } from '../src/process/orphans';
import { PortFinder } from '../src/process/ports';
import { type Progress } from '../src/progress';
import { type Component } from '../src/stack/component';
import { Supervisor } from '../src/stack/supervisor';

const DEADLINE_MS = 10_000;

describe('processes of the stack', () => {
  let paths: StackPaths;
  let lines: string[];
  const progress: Progress = {
    line: (text) => lines.push(text),
    live: () => undefined,
    endLive: () => undefined,
    step: (_title, work) => work(() => undefined),
  };
  const never = new AbortController().signal;

  beforeEach(() => {
    lines = [];
    paths = stackPaths('/nowhere', mkdtempSync(join(tmpdir(), 'stack-')));
  });
  afterEach(() => {
    rmSync(paths.home, { recursive: true, force: true });
  });

  /** A component that runs JavaScript. Each start appends its pid to a file; then the component is ready. */
  function component(name: string, script: string, stopGraceMs = 2_000): Component & { readonly pids: () => number[] } {
    const file = join(paths.home, `${name}.pids`);
    const pids = (): number[] =>
      existsSync(file)
        ? readFileSync(file, 'utf8')
            .split('\n')
            .filter((line) => line !== '')
            .map(Number)
        : [];
    const writePid = `require('fs').appendFileSync(${JSON.stringify(file)}, process.pid + '\\n');`;
    return {
      name,
      pids,
      process: () => ({
        name,
        command: process.execPath,
        args: ['-e', `${script};${writePid}setInterval(() => {}, 1000)`],
        env: {},
      }),
      isReady: () => Promise.resolve(pids().some((pid) => identify(pid) !== undefined)),
      readyWithinMs: DEADLINE_MS,
      stopGraceMs,
    };
  }

  it('are restarted after a kill, and stop one after the other in the given order', async () => {
    const running = (pids: readonly number[]) => pids.filter((pid) => identify(pid) !== undefined).length;
    const [first, second] = [component('first', ''), component('second', '')];
    const supervisor = new Supervisor(paths, {
      ...progress,
      line: (text) => {
        const name = /^ *(\w+) has stopped/.exec(text)?.[1];
        if (name !== undefined) {
          lines.push(`${name} stopped, running: ${String(running(first.pids()))}, ${String(running(second.pids()))}`);
        }
      },
    });
    await supervisor.start([first, second], never);
    process.kill(first.pids()[0] ?? 0, 'SIGKILL');
    await waitUntil(() => first.pids().length === 2 && supervisor.status()[0]?.state === 'running', {
      what: 'the killed component to run again',
      deadlineMs: DEADLINE_MS,
    });
    expect(supervisor.status()).toEqual([
      { name: 'first', state: 'running', restarts: 1 },
      { name: 'second', state: 'running', restarts: 0 },
    ]);
    await supervisor.stop(['second', 'first']);
    expect(lines).toEqual(['second stopped, running: 1, 0', 'first stopped, running: 0, 0']);
    expect(readdirSync(paths.run)).toEqual([]);
  });

  it('are killed when they do not exit within their grace period', async () => {
    const stubborn = component('stubborn', "process.on('SIGTERM', () => {})", 300);
    const supervisor = new Supervisor(paths, progress);
    await supervisor.start([stubborn], never);
    await supervisor.stop([]);
    expect(identify(stubborn.pids()[0] ?? 0)).toBeUndefined();
    expect(lines.at(-1)).toContain('was killed');
  });

  it('fail the start with the end of their log when they exit before they are ready', async () => {
    const broken = {
      ...component('broken', "console.error('no such topic'); process.exit(7)"),
      isReady: () => Promise.resolve(false),
    };
    const start = new Supervisor(paths, progress).start([broken], never);
    await expect(start).rejects.toThrow(StartError);
    await expect(start).rejects.toThrow(/broken exited with code 7.*\n.*no such topic/s);
  });

  it('of a killed runner are stopped by the next one, but not a process that has the same pid by chance', async () => {
    const orphan = await ManagedProcess.start(await component('orphan', '').process(), paths);
    const stranger = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    const reused = { name: 'reused', pid: stranger.pid, startedAt: 'another time' };
    writeFileSync(join(paths.run, 'reused.json'), JSON.stringify(reused));
    expect(await stopOrphans(paths.run, ['orphan'], DEADLINE_MS)).toEqual(['orphan']);
    expect(isRunning(orphan.identity)).toBe(false);
    expect(identify(stranger.pid ?? 0)).toBeDefined();
    expect(readdirSync(paths.run)).toEqual([]);
    stranger.kill('SIGKILL');
  });
});

describe('the lock of a home folder', () => {
  it('has one holder at a time, and is taken over from a process that has exited', () => {
    const paths = stackPaths('/nowhere', mkdtempSync(join(tmpdir(), 'stack-')));
    const unlock = lockHome(paths.lock);
    expect(() => lockHome(paths.lock)).toThrow(LockedError);
    unlock();
    writeFileSync(paths.lock, JSON.stringify({ pid: process.pid, startedAt: 'an earlier process of this pid' }));
    lockHome(paths.lock)();
    expect(readdirSync(paths.home)).toEqual([]);
    rmSync(paths.home, { recursive: true });
  });
});

describe('the port finder', () => {
  it('finds the next free port when the preferred one is taken, and no port twice', async () => {
    const ports = new PortFinder();
    const preferred = await ports.find(0);
    const next = await ports.find(preferred);
    expect(next).toBeGreaterThan(preferred);

    const taken = await new PortFinder().find(0);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(taken, '127.0.0.1', resolve));
    expect(await ports.find(taken)).toBeGreaterThan(taken);
    await new Promise((resolve) => server.close(resolve));
  });
});
