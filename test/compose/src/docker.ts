import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, copyFileSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { waitUntil } from '@orderstream/deadlines';
import { type Progress } from '../../../dev/src';
import { command, tryCommand } from './command';

const COMPOSE_VERSION = 'v2.40.3';
const COMPOSE_MODULE = 'github.com/docker/compose/v2';
const DAEMON_START_MS = 60_000;
const DAEMON_STOP_MS = 120_000;

/** A Docker daemon with Compose, and whether this test has started it. */
export interface Docker {
  /** The environment of `docker` commands. */
  readonly env: NodeJS.ProcessEnv;
  readonly daemon: 'was running' | 'started by this test';
  readonly versions: string;
  /** Stops the daemon that this test has started. */
  stop(): Promise<void>;
}

/**
 * Uses the Docker daemon of this machine. Where none runs, starts one whose data and socket are in `folder`, which needs
 * root. Where Compose is not installed, builds it with Go.
 */
export async function prepareDocker(folder: string, progress: Progress): Promise<Docker> {
  mkdirSync(folder, { recursive: true });
  const running = (await tryCommand('docker', ['version', '--format', '{{.Server.Version}}'])).code === 0;
  const socket = `unix://${join(folder, 'docker.sock')}`;
  const daemon = running ? undefined : await startDaemon(folder, socket, progress);
  const hasBuildx = (await tryCommand('docker', ['buildx', 'version'])).code === 0;
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    ...(daemon === undefined ? {} : { DOCKER_HOST: socket }),
    // Without buildx, Compose builds with the builder of the daemon.
    ...(hasBuildx ? {} : { DOCKER_BUILDKIT: '0' }),
    ...(await composeEnv(folder, progress)),
  };
  const versions = [
    `Docker ${await command('docker', ['version', '--format', '{{.Server.Version}}'], { env })}`,
    `Compose ${await command('docker', ['compose', 'version', '--short'], { env })}`,
  ].join(', ');
  return {
    env,
    daemon: daemon === undefined ? 'was running' : 'started by this test',
    versions,
    stop: async () => {
      if (daemon !== undefined) await stopDaemon(daemon);
    },
  };
}

async function startDaemon(folder: string, socket: string, progress: Progress): Promise<ChildProcess> {
  if ((await tryCommand('dockerd', ['--version'])).code !== 0 || process.getuid?.() !== 0) {
    throw new Error('No Docker daemon answers. Start Docker, or install dockerd and run this test as root.');
  }
  progress.line('Starting a Docker daemon');
  const log = openSync(join(folder, 'dockerd.log'), 'a');
  const daemon = spawn(
    'dockerd',
    [
      ...['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec')],
      ...['--host', socket, '--pidfile', join(folder, 'dockerd.pid')],
    ],
    { stdio: ['ignore', log, log], detached: true },
  );
  closeSync(log);
  await waitUntil(
    async () => {
      if (daemon.exitCode !== null) throw new Error('it has ended');
      return (await tryCommand('docker', ['--host', socket, 'version'])).code === 0;
    },
    { what: `the Docker daemon to answer (${join(folder, 'dockerd.log')})`, deadlineMs: DAEMON_START_MS },
  );
  return daemon;
}

async function stopDaemon(daemon: ChildProcess): Promise<void> {
  if (daemon.exitCode !== null) return;
  daemon.kill('SIGTERM');
  await waitUntil(() => daemon.exitCode !== null || daemon.signalCode !== null, {
    what: 'the Docker daemon to end',
    deadlineMs: DAEMON_STOP_MS,
  });
}

/** Variables with which `docker compose` is found. */
async function composeEnv(folder: string, progress: Progress): Promise<NodeJS.ProcessEnv> {
  if ((await tryCommand('docker', ['compose', 'version'])).code === 0) return {};
  const config = join(folder, 'config');
  const plugin = join(config, 'cli-plugins', 'docker-compose');
  if (existsSync(plugin)) return { DOCKER_CONFIG: config };
  progress.line(`Building Compose ${COMPOSE_VERSION} with Go, once; this takes about 5 minutes`);
  const module = join(folder, 'compose-module');
  mkdirSync(module, { recursive: true });
  mkdirSync(join(config, 'cli-plugins'), { recursive: true });
  const go = (...args: string[]): Promise<string> =>
    command('go', args, { cwd: module, timeoutMs: 3_600_000, env: { ...process.env, GOFLAGS: '-mod=mod' } });
  if (!existsSync(join(module, 'go.mod'))) await go('mod', 'init', 'local/compose');
  await go('get', `${COMPOSE_MODULE}/cmd@${COMPOSE_VERSION}`);
  const version = `-s -w -X ${COMPOSE_MODULE}/internal.Version=${COMPOSE_VERSION}`;
  await go('build', '-trimpath', '-ldflags', version, '-o', 'docker-compose', `${COMPOSE_MODULE}/cmd`);
  copyFileSync(join(module, 'docker-compose'), plugin);
  return { DOCKER_CONFIG: config };
}
