import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { waitUntil } from '@orderstream/deadlines';
import { identify, isRunning } from '@orderstream/process-lock';
import { LockedError, PortTakenError, StartError } from '../src/errors';
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

  it('are restarted when they do not answer any more, and say so', async () => {
    const mute = { ...component('mute', ''), silentForMs: 300, isAlive: () => Promise.resolve(mute.pids().length > 1) };
    const supervisor = new Supervisor(paths, progress, 50);
    await supervisor.start([mute], never);
    const states = new Set<string>();
    await waitUntil(
      () => {
        const status = supervisor.status()[0];
        states.add(status?.state ?? '');
        return mute.pids().length === 2 && status?.state === 'running';
      },
      { what: 'the component to run again', deadlineMs: DEADLINE_MS, intervalMs: 10 },
    );
    expect(states).toContain('not answering');
    expect(identify(mute.pids()[0] ?? 0)).toBeUndefined();
    expect(lines).toContainEqual(expect.stringMatching(/mute has not answered for .* was killed and is restarted/));
    await supervisor.stop([]);
  });

  it('are restarted on request, with work that needs them to be down', async () => {
    const asked = component('asked', '');
    const supervisor = new Supervisor(paths, progress);
    await supervisor.start([asked], never);
    const first = asked.pids()[0] ?? 0;
    await supervisor.restart('asked', 'its heap is full', () => {
      expect(identify(first)).toBeUndefined();
      return Promise.resolve();
    });
    expect(asked.pids()).toHaveLength(2);
    expect(supervisor.status()).toEqual([{ name: 'asked', state: 'running', restarts: 1 }]);
    expect(lines).toContainEqual('  asked is restarted: its heap is full');
    // It runs again although the work fails.
    await expect(supervisor.restart('asked', 'again', () => Promise.reject(new Error('no broker')))).rejects.toThrow(
      'no broker',
    );
    expect(supervisor.status()).toEqual([{ name: 'asked', state: 'running', restarts: 2 }]);
    await supervisor.stop([]);
    await expect(supervisor.restart('asked', 'too late')).rejects.toThrow('it is stopped');
  });

  it('are stopped within their grace period during a restart, which is then rejected', async () => {
    for (const script of ["process.on('SIGTERM', () => {})", '']) {
      const slow = component(`slow${String(script.length)}`, script, 500);
      const supervisor = new Supervisor(paths, progress);
      await supervisor.start([slow], never);
      let hasWorkEnded = false;
      const restart = supervisor.restart(slow.name, 'a test', async (signal) => {
        await new Promise((resolve) => {
          signal.addEventListener('abort', resolve);
        });
        await delay(200);
        hasWorkEnded = true;
      });
      const failed = expect(restart).rejects.toThrow('is stopped');
      // The first one is stopped while it still ends, the second one while the work is under way.
      const isDown = script === '';
      const isReached = () => (isDown ? lines.some((line) => line.includes('is restarted')) : isRestarting());
      const isRestarting = () => supervisor.status()[0]?.state === 'restarting';
      await waitUntil(isReached, {
        what: 'the restart',
        deadlineMs: DEADLINE_MS,
        intervalMs: 5,
      });
      const startedAt = performance.now();
      await supervisor.stop([]);
      // What the work writes to is stopped next.
      if (isDown) expect(hasWorkEnded).toBe(true);
      await failed;
      expect(performance.now() - startedAt).toBeLessThan(2_000);
      expect(slow.pids()).toHaveLength(1);
      expect(readdirSync(paths.run)).toEqual([]);
    }
  });

  it('are all killed, and not restarted, when another program takes the port of one that was killed', async () => {
    const port = await new PortFinder().find(0);
    const other = component('other', '');
    const victim = {
      ...component('victim', ''),
      ports: [port],
      portOwner: () => Promise.resolve('a Kafka broker of the cluster X, not of Y'),
    };
    const supervisor = new Supervisor(paths, progress);
    await supervisor.start([other, victim], never);
    const stranger = createServer();
    await new Promise<void>((resolve) => stranger.listen(port, '127.0.0.1', resolve));
    process.kill(victim.pids()[0] ?? 0, 'SIGKILL');
    await waitUntil(() => supervisor.failed.aborted, { what: 'the stranger to be noticed', deadlineMs: 15_000 });
    await new Promise((resolve) => stranger.close(resolve));
    expect(supervisor.failed.reason).toBeInstanceOf(PortTakenError);
    expect(String(supervisor.failed.reason)).toContain(
      `victim cannot be started: its port ${String(port)} is in use by a Kafka broker of the cluster X, not of Y`,
    );
    await supervisor.stop([]);
    expect(victim.pids()).toHaveLength(1);
    expect(identify(other.pids()[0] ?? 0)).toBeUndefined();
  }, 30_000);

  describe('during a step before the start, such as the fencing of a killed broker', () => {
    /** A component whose process is preceded by another one, which ends only when it is stopped. */
    function fenced(name: string, { script = '', graceMs = 1_000 } = {}) {
      const before = component(`${name}-before`, script);
      const own = component(name, '');
      const launched: Component & { pids: () => number[]; before: () => number[] } = {
        ...own,
        before: before.pids,
        async process(launch) {
          if (own.pids().length > 0 || name === 'first') {
            const helper = await launch.run(await before.process(launch));
            try {
              await helper.waitUntil(() => false, { what: 'ever', deadlineMs: 60_000, signal: launch.signal });
            } finally {
              await helper.stop(graceMs);
            }
          }
          return own.process(launch);
        },
      };
      return launched;
    }
    const until = (condition: () => boolean) =>
      waitUntil(condition, { what: 'the step before the start', deadlineMs: DEADLINE_MS });

    it('a stop ends soon, and no process is left', async () => {
      const killed = fenced('killed');
      const supervisor = new Supervisor(paths, progress);
      await supervisor.start([killed], never);
      process.kill(killed.pids()[0] ?? 0, 'SIGKILL');
      await until(() => killed.before().length === 1);
      const startedAt = performance.now();
      await supervisor.stop([]);
      expect(performance.now() - startedAt).toBeLessThan(3_000);
      expect(killed.pids()).toHaveLength(1);
      expect(identify(killed.before()[0] ?? 0)).toBeUndefined();
      expect(readdirSync(paths.run)).toEqual([]);
    });

    it('a stop of a start that was interrupted leaves no process', async () => {
      const first = fenced('first');
      const interrupted = new AbortController();
      const supervisor = new Supervisor(paths, progress);
      const start = supervisor.start([first], interrupted.signal);
      const failed = expect(start).rejects.toThrow();
      await until(() => first.before().length === 1);
      interrupted.abort(new Error('interrupted'));
      const startedAt = performance.now();
      await supervisor.stop([]);
      await failed;
      expect(performance.now() - startedAt).toBeLessThan(3_000);
      expect(first.pids()).toEqual([]);
      expect(readdirSync(paths.run)).toEqual([]);
    });

    it('a kill ends that process too', async () => {
      // Only SIGKILL ends it, and only at once: the runner exits right after a kill.
      const first = fenced('first', { script: "process.on('SIGTERM', () => {})", graceMs: 60_000 });
      const supervisor = new Supervisor(paths, progress);
      const start = supervisor.start([first], never);
      const failed = expect(start).rejects.toThrow();
      await until(() => first.before().length === 1);
      supervisor.kill();
      await failed;
      await until(() => identify(first.before()[0] ?? 0) === undefined);
      await supervisor.stop([]);
      expect(first.pids()).toEqual([]);
    });
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
    const supervisor = new Supervisor(paths, progress);
    const start = supervisor.start([broken], never);
    expect(supervisor.status()).toEqual([{ name: 'broken', state: 'starting', restarts: 0 }]);
    await expect(start).rejects.toThrow(StartError);
    await expect(start).rejects.toThrow(/broken exited with code 7.*\n.*no such topic/s);
    expect(supervisor.status()).toEqual([{ name: 'broken', state: 'failed', restarts: 0 }]);
  });

  it('of a killed runner are stopped by the next one, but not a process that has the same pid by chance', async () => {
    const spec = await component('orphan', '').process({
      signal: never,
      run: (each) => ManagedProcess.start(each, paths),
    });
    const orphan = await ManagedProcess.start(spec, paths);
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
