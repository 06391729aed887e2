import { randomBytes, createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { waitUntil } from '@orderstream/deadlines';
import { PortFinder } from '../../../dev/src';
import { command, type Output, tryCommand } from './command';
import { type Docker } from './docker';

const PROJECT = 'orderstream-test';
const UP_TIMEOUT_MS = 300_000;
const DOWN_TIMEOUT_MS = 180_000;
const TOOL_TIMEOUT_MS = 1_200_000;
const HEALTHY_TIMEOUT_MS = 180_000;

const containers = z.array(
  z.object({ ID: z.string(), Service: z.string(), State: z.string(), Health: z.string(), ExitCode: z.number() }),
);
export type Container = z.infer<typeof containers>[number];

/** Memory of one container. */
export interface MemoryUse {
  readonly service: string;
  readonly usedBytes: number;
  readonly limitBytes: number;
}

/** Variables of docker-compose.yml that a step changes. */
export type Variables = Readonly<Record<string, string>>;

/** The unchanged docker-compose.yml, under a project name and host ports of its own. */
export class ComposeStack {
  private constructor(
    private readonly docker: Docker,
    private readonly repository: string,
    private readonly variables: Variables,
    readonly tokens: { readonly viewer: string; readonly operator: string },
    private readonly prometheusPort: number,
    private readonly files: readonly string[] = ['docker-compose.yml'],
  ) {}

  static async create(docker: Docker, repository: string, folder: string, variables: Variables): Promise<ComposeStack> {
    const tokens = { viewer: randomBytes(32).toString('hex'), operator: randomBytes(32).toString('hex') };
    const file = join(folder, 'admin-tokens.json');
    const sha256 = (token: string): string => createHash('sha256').update(token).digest('hex');
    const entries = (['viewer', 'operator'] as const).map((role) => ({
      name: role,
      role,
      sha256: sha256(tokens[role]),
    }));
    // The services run as another user, who must be able to read it.
    writeFileSync(file, JSON.stringify(entries), { mode: 0o644 });
    const tokenFile = (role: 'viewer' | 'operator'): string => {
      const path = join(folder, `${role}-token`);
      writeFileSync(path, tokens[role], { mode: 0o644 });
      return path;
    };
    const ports = new PortFinder();
    const prometheusPort = await ports.find(0);
    return new ComposeStack(
      docker,
      repository,
      {
        ...variables,
        ADMIN_TOKENS_FILE: file,
        SERVICE_TOKEN_FILE: tokenFile('viewer'),
        SERVICE_OPERATOR_TOKEN_FILE: tokenFile('operator'),
        REDPANDA_PORT: String(await ports.find(0)),
        PROMETHEUS_PORT: String(prometheusPort),
        GRAFANA_PORT: String(await ports.find(0)),
        CONSOLE_PORT: String(await ports.find(0)),
      },
      tokens,
      prometheusPort,
    );
  }

  /** The same, with a file that changes what docker-compose.yml says. Only one of the two can run at a time. */
  with(file: string): ComposeStack {
    const { docker, repository, variables, tokens, prometheusPort, files } = this;
    return new ComposeStack(docker, repository, variables, tokens, prometheusPort, [...files, file]);
  }

  /** The network of the containers. */
  readonly network = `${PROJECT}_default`;

  private environment(variables: Variables = {}): NodeJS.ProcessEnv {
    return { ...this.docker.env, ...this.variables, ...variables };
  }

  private args(args: readonly string[], project = PROJECT): string[] {
    const files = this.files.flatMap((file) => ['--file', resolve(this.repository, file)]);
    return ['compose', '--project-name', project, '--project-directory', this.repository, ...files, ...args];
  }

  private compose(args: readonly string[], timeoutMs: number, variables?: Variables): Promise<string> {
    return command('docker', this.args(args), { env: this.environment(variables), timeoutMs });
  }

  tryCompose(args: readonly string[], variables: Variables, project?: string): Promise<Output> {
    return tryCommand('docker', this.args(args, project), {
      env: this.environment(variables),
      timeoutMs: UP_TIMEOUT_MS,
    });
  }

  async build(): Promise<void> {
    await this.compose(['build', '--quiet'], TOOL_TIMEOUT_MS);
  }

  /** Starts, or changes what differs, and waits until everything is healthy. @returns the seconds that it took */
  async up(variables: Variables = {}, ...args: readonly string[]): Promise<number> {
    const startedAt = performance.now();
    await this.compose(['up', '--detach', '--wait', '--no-build', ...args], UP_TIMEOUT_MS, variables);
    return (performance.now() - startedAt) / 1000;
  }

  async down(...args: readonly string[]): Promise<number> {
    const startedAt = performance.now();
    await this.compose(['--profile', 'tools', '--profile', 'batch', 'down', ...args], DOWN_TIMEOUT_MS);
    return (performance.now() - startedAt) / 1000;
  }

  async containers(): Promise<Container[]> {
    const lines = (await this.compose(['ps', '--all', '--format', 'json'], 60_000)).split('\n');
    return containers.parse(lines.filter((line) => line !== '').map((line): unknown => JSON.parse(line)));
  }

  async services(): Promise<string[]> {
    return (await this.compose(['config', '--services'], 60_000)).split('\n').sort();
  }

  /** The end of a service's log. */
  async log(service: string, lines: number): Promise<string> {
    return this.compose(['logs', '--no-color', '--no-log-prefix', '--tail', String(lines), service], 60_000);
  }

  /** Runs one of the programs of the profile `tools`. */
  tool(args: readonly string[]): Promise<Output> {
    return tryCommand('docker', this.args(['run', '--rm', '--no-TTY', '--quiet-pull', ...args]), {
      env: this.environment(),
      timeoutMs: TOOL_TIMEOUT_MS,
    });
  }

  async stopService(service: string): Promise<void> {
    await this.compose(['stop', service], DOWN_TIMEOUT_MS);
  }

  async startService(service: string): Promise<void> {
    await this.compose(['start', service], DOWN_TIMEOUT_MS);
  }

  async untilHealthy(what: string): Promise<number> {
    const startedAt = performance.now();
    await waitUntil(
      async () => {
        const all = await this.containers();
        const unhealthy = all.filter(({ State, Health }) => State !== 'running' || Health !== 'healthy');
        if (unhealthy.length > 0)
          throw new Error(unhealthy.map(({ Service, State, Health }) => `${Service} ${State} ${Health}`).join(', '));
        return true;
      },
      { what, deadlineMs: HEALTHY_TIMEOUT_MS, intervalMs: 500 },
    );
    return (performance.now() - startedAt) / 1000;
  }

  /** `kill -9` of the main process, as the kernel would do it: Docker restarts the container. */
  async killProcess(container: Container): Promise<void> {
    const before = await this.inspect(container.ID);
    await command('kill', ['-9', String(before.State.Pid)]);
    await waitUntil(
      async () => {
        const { State, RestartCount } = await this.inspect(container.ID);
        return State.Running && State.Pid !== before.State.Pid && RestartCount > before.RestartCount;
      },
      { what: `Docker to restart ${container.Service}`, deadlineMs: 60_000, intervalMs: 100 },
    );
  }

  async inspect(id: string): Promise<z.infer<typeof inspected>> {
    return inspected.parse(JSON.parse(await command('docker', ['inspect', '--format', '{{json .}}', id], this.docker)));
  }

  /** From the cgroup by Docker: without the page cache that the kernel can drop. */
  async memory(): Promise<MemoryUse[]> {
    const all = await this.containers();
    const ids = all.map(({ ID }) => ID);
    const format = '{{.ID}} {{.MemUsage}}';
    const lines = await command(
      'docker',
      ['stats', '--no-stream', '--no-trunc', '--format', format, ...ids],
      this.docker,
    );
    return lines.split('\n').flatMap((line) => {
      const match = /^(\w+) ([\d.]+)(\w+) \/ ([\d.]+)(\w+)$/.exec(line.trim());
      const service = all.find(({ ID }) => match?.[1]?.startsWith(ID))?.Service;
      if (match === null || service === undefined) return [];
      return [{ service, usedBytes: bytes(match[2], match[3]), limitBytes: bytes(match[4], match[5]) }];
    });
  }

  /** An admin request of one instance, from inside its container: the services have no host ports. */
  async admin(service: string, method: 'GET' | 'POST', path: string, index = 1): Promise<unknown> {
    const script = `fetch('http://127.0.0.1:8080${path}',{method:'${method}',headers:{authorization:'Bearer '+process.argv[1]}}).then(async r=>{console.log(await r.text());process.exitCode=r.ok?0:1})`;
    const args = ['exec', '--no-TTY', '--index', String(index), service, 'node', '-e', script, this.tokens.operator];
    const text = await this.compose(args, 60_000);
    return text === '' ? undefined : JSON.parse(text);
  }

  /** The HTTP status of a health request, from inside the container. */
  async statusOf(service: string, path: string): Promise<number> {
    const script = `fetch('http://127.0.0.1:8080${path}').then(r=>console.log(r.status))`;
    return Number(await this.compose(['exec', '--no-TTY', service, 'node', '-e', script], 60_000));
  }

  /** Number of targets of the service that Prometheus scrapes with success. */
  async scraped(service: string): Promise<number> {
    const query = encodeURIComponent(`up == 1`);
    const response = await fetch(`http://127.0.0.1:${String(this.prometheusPort)}/api/v1/query?query=${query}`, {
      signal: AbortSignal.timeout(5_000),
    });
    const { data } = prometheusAnswer.parse(await response.json());
    const addresses = new Set(await this.addresses(service));
    return data.result.filter(({ metric }) => addresses.has(metric.instance.split(':')[0] ?? '')).length;
  }

  private async addresses(service: string): Promise<string[]> {
    const own = (await this.containers()).filter(({ Service }) => Service === service);
    const all = await Promise.all(own.map(({ ID }) => this.inspect(ID)));
    return all.flatMap(({ NetworkSettings }) =>
      Object.values(NetworkSettings.Networks).map(({ IPAddress }) => IPAddress),
    );
  }

  /** What Docker still has of the project. */
  async leftovers(): Promise<string[]> {
    const filter = `label=com.docker.compose.project=${PROJECT}`;
    const list = async (kind: string, ...args: string[]): Promise<string[]> => {
      const names = await command('docker', [kind, 'ls', ...args, '--quiet', '--filter', filter], this.docker);
      return names === '' ? [] : names.split('\n').map((name) => `${kind} ${name}`);
    };
    return [...(await list('container', '--all')), ...(await list('volume')), ...(await list('network'))];
  }

  wait(ms: number): Promise<void> {
    return delay(ms);
  }
}

const inspected = z.object({
  State: z.object({ Pid: z.number(), Running: z.boolean(), OOMKilled: z.boolean() }),
  RestartCount: z.number(),
  NetworkSettings: z.object({ Networks: z.record(z.string(), z.object({ IPAddress: z.string() })) }),
});

const prometheusAnswer = z.object({
  data: z.object({ result: z.array(z.object({ metric: z.object({ instance: z.string() }) })) }),
});

const UNITS: Readonly<Record<string, number>> = { B: 1, KiB: 1_024, MiB: 1_048_576, GiB: 1_073_741_824 };

const bytes = (value = '', unit = ''): number => Math.round(Number(value) * (UNITS[unit] ?? Number.NaN));
