import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createGzip } from 'node:zlib';
import { devSettings, prepareToolbox, type Progress, stackPaths } from '../../../dev/src';
import { loadSettings } from '@orderstream/config';
import { command, tryCommand } from './command';
import { type Docker } from './docker';

/** On the images that this test builds in place of public ones; the value says what is in it. */
const LABEL = 'orderstream.substitute';
const PULL_TIMEOUT_MS = 600_000;
const BUILD_TIMEOUT_MS = 1_800_000;

/** A public image that a substitute may stand for. */
interface PublicImage {
  readonly tag: string;
  /** Folder in test/compose/substitutes; undefined: a root file system of Debian. */
  readonly folder?: string;
  /** What the substitute is. */
  readonly substitute: string;
  /** Puts what the Dockerfile copies into its context. */
  readonly prepare?: (context: string) => Promise<void>;
}

/**
 * Makes every public image that docker-compose.yml and the Dockerfiles use present: where it is absent it is pulled, and
 * where it cannot be pulled a substitute is built under its tag.
 *
 * @returns by tag, what the substitute is; undefined for the public image itself
 */
export async function preparePublicImages(
  docker: Docker,
  repository: string,
  folder: string,
  progress: Progress,
): Promise<ReadonlyMap<string, string | undefined>> {
  const found = new Map<string, string | undefined>();
  let canPull = true;
  for (const image of publicImages(repository, progress)) {
    if (!(await isPresent(docker, image.tag))) {
      if (canPull) {
        progress.line(`Pulling ${image.tag}`);
        canPull =
          (await tryCommand('docker', ['pull', image.tag], { ...docker, timeoutMs: PULL_TIMEOUT_MS })).code === 0;
      }
      if (!canPull) await buildSubstitute(docker, repository, folder, image, progress);
    }
    const format = `{{ index .Config.Labels "${LABEL}" }}`;
    const label = await command('docker', ['image', 'inspect', '--format', format, image.tag], docker);
    found.set(image.tag, label === '' || label === '<no value>' ? undefined : label);
  }
  return found;
}

async function isPresent({ env }: Docker, tag: string): Promise<boolean> {
  return (await tryCommand('docker', ['image', 'inspect', tag], { env })).code === 0;
}

async function buildSubstitute(
  docker: Docker,
  repository: string,
  folder: string,
  { tag, folder: name, substitute, prepare }: PublicImage,
  progress: Progress,
): Promise<void> {
  progress.line(`Building a substitute for ${tag}: ${substitute}`);
  if (name === undefined) {
    await importDebian(docker, folder, tag, substitute);
    return;
  }
  const context = join(folder, 'substitutes', name);
  rmSync(context, { recursive: true, force: true });
  cpSync(join(repository, 'test', 'compose', 'substitutes', name), context, { recursive: true });
  await prepare?.(context);
  await command('docker', ['build', '--quiet', '--label', `${LABEL}=${substitute}`, '--tag', tag, context], {
    ...docker,
    timeoutMs: BUILD_TIMEOUT_MS,
  });
  rmSync(context, { recursive: true, force: true });
}

async function importDebian({ env }: Docker, folder: string, tag: string, substitute: string): Promise<void> {
  const root = join(folder, 'debian');
  rmSync(root, { recursive: true, force: true });
  const args = ['--variant=minbase', '--include=ca-certificates', 'bookworm', root];
  await command('debootstrap', args, { timeoutMs: BUILD_TIMEOUT_MS });
  rmSync(join(root, 'var', 'cache', 'apt'), { recursive: true, force: true });
  await new Promise<void>((resolve, reject) => {
    const tar = spawn('tar', ['-C', root, '-c', '.'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const change = `LABEL ${LABEL}="${substitute}"`;
    const load = spawn('docker', ['import', '--change', change, '-', tag], {
      env,
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    tar.stdout.pipe(load.stdin);
    tar.once('error', reject);
    load.once('error', reject);
    load.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`docker import ended with ${String(code)}`));
    });
  });
  rmSync(root, { recursive: true, force: true });
}

/** In the order in which they build on each other. */
function publicImages(repository: string, progress: Progress): readonly PublicImage[] {
  const toolbox = () =>
    prepareToolbox({
      paths: stackPaths(repository),
      settings: loadSettings(devSettings, process.env),
      env: process.env,
      progress,
      signal: new AbortController().signal,
    });
  return [
    { tag: 'debian:bookworm-slim', substitute: 'Debian 12 by debootstrap' },
    {
      tag: 'node:24-bookworm-slim',
      folder: 'node',
      substitute: `Node ${process.version} of package.json on Debian 12`,
      prepare: async (context) => {
        cpSync(process.execPath, join(context, 'node'));
        // npm-cli.js is in the folder bin of the package.
        const npm = dirname(dirname(realpathSync(await command('which', ['npm']))));
        cpSync(npm, join(context, 'npm'), { recursive: true, dereference: true });
      },
    },
    {
      tag: 'python:3.13-slim-bookworm',
      folder: 'python',
      substitute: 'the Python 3.13 of this machine on Debian 12',
      prepare: async (context) => {
        const prefix = dirname(dirname(await basePython((await toolbox()).bigqueryPython)));
        for (const part of ['bin', 'lib']) copyPython(join(prefix, part), join(context, 'python', part));
      },
    },
    {
      tag: 'redpandadata/redpanda:v25.3.9',
      folder: 'redpanda',
      substitute: 'Apache Kafka 4.3.1 behind the command line of Redpanda',
      prepare: async (context) => {
        const { kafkaFolder, java } = await toolbox();
        cpSync(join(kafkaFolder, 'lib'), join(context, 'kafka'), { recursive: true });
        await linkJava(java, join(context, 'jre'));
      },
    },
    {
      tag: 'gcr.io/google.com/cloudsdktool/google-cloud-cli:583.0.0-emulators',
      folder: 'pubsub-emulator',
      substitute: "Google's Pub/Sub emulator of this machine, without the SDK",
      prepare: async (context) => {
        const { pubsubEmulatorJar, java } = await toolbox();
        cpSync(pubsubEmulatorJar, join(context, 'emulator.jar'));
        await linkJava(java, join(context, 'jre'));
      },
    },
    { tag: 'prom/prometheus:v3.5.0', folder: 'prometheus', substitute: "Debian's Prometheus 2.42" },
    {
      tag: 'grafana/grafana:12.4.0',
      folder: 'grafana',
      substitute: 'no Grafana: a program that answers its health check',
    },
  ];
}

/** The interpreter that the virtual environment was made of. */
const basePython = (environment: string): Promise<string> =>
  command(environment, ['-I', '-c', 'import os, sys; print(os.path.realpath(sys._base_executable))']);

/** Without tests and installed packages other than pip. */
function copyPython(from: string, to: string): void {
  cpSync(from, to, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (path) =>
      !/\/(test|idlelib|turtledemo|__pycache__)$/.test(path) &&
      !/site-packages\/(?!pip)/.test(path) &&
      !path.endsWith('.a'),
  });
}

/** A Java runtime of all modules, linked from the JDK of this machine. */
async function linkJava(java: string, output: string): Promise<void> {
  const home = dirname(dirname(realpathSync(await command('which', [java]))));
  if (!existsSync(join(home, 'jmods'))) throw new Error(`${home} is no JDK: it has no modules to link a runtime from`);
  const modules = readdirSync(join(home, 'jmods')).map((file) => file.replace('.jmod', ''));
  mkdirSync(dirname(output), { recursive: true });
  await command(join(home, 'bin', 'jlink'), [
    ...['--add-modules', modules.filter((name) => !name.startsWith('jdk.internal')).join(',')],
    ...['--strip-debug', '--no-header-files', '--no-man-pages', '--output', output],
  ]);
}

/** The size of an image as a registry stores it: compressed. */
export function compressedBytes({ env }: Docker, tag: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const save = spawn('docker', ['save', tag], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    let bytes = 0;
    const gzip = createGzip({ level: 6 });
    save.once('error', reject);
    gzip.on('data', (chunk: Buffer) => (bytes += chunk.length));
    gzip.once('end', () => {
      resolve(bytes);
    });
    save.stdout.pipe(gzip);
  });
}
