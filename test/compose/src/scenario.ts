import { availableParallelism, loadavg } from 'node:os';
import { z } from 'zod';
import { waitUntil } from '@orderstream/deadlines';
import { type Progress } from '../../../dev/src';
import { command, type Output, tryCommand } from './command';
import { type ComposeStack, type MemoryUse, type Variables } from './compose-stack';
import { type Docker } from './docker';
import { type Step } from './report';
import { SmallDisk } from './small-disk';

const EVENTS = 100_000;
const HEALTHY_WITHIN_SECONDS = 60;
/** While containers are killed: enough that each kill hits work in progress. */
const RATE_UNDER_KILLS = 300;
const MEMORY_INTERVAL_MS = 3_000;
const DAY_MS = 86_400_000;
const SCALED = ['validator', 'bq-sink'];
const SCALE_TO_TWO = SCALED.flatMap((service) => ['--scale', `${service}=2`]);
/** The services that depend on broker and warehouse. */
const DEPENDENT = ['order-generator', 'validator', 'bq-sink', 'pubsub-bridge'];
const OUTAGE_MS = 200_000;
/** Fills the disk in a minute; what was sent until then is in the tables a minute later. */
const RATE_ON_SMALL_DISK = 2_000;
const SMALL_DISK_MB = 120;
const GROWN_DISK_MB = 3_000;
/** Less is full: the broker cannot write a batch. */
const FULL_BYTES = 1_048_576;
const SERVICES_IMAGE = 'orderstream/services:dev';

const count = z.number();
/** What the program `accounts` prints. */
const accountsResult = z.object({
  generated: count,
  accepted: count,
  repaired: count,
  skipped: count,
  deadLettered: count,
  unsent: count,
  tables: z.record(z.string(), count),
  missing: count,
  duplicated: count,
  unexplained: count,
  outOfOrder: count,
  wrongVerdicts: count,
  redelivered: count,
  eventsPerSecond: count,
  stalled: z.string().optional(),
  examples: z.array(z.string()).optional(),
});

/** The steps of the test, in their order. Each goes on where the one before it ended. */
export class Scenario {
  readonly steps: Step[] = [];
  private readonly highest = new Map<string, MemoryUse>();

  constructor(
    private readonly stack: ComposeStack,
    private readonly docker: Docker,
    private readonly progress: Progress,
    /** For what the steps write. */
    private readonly folder: string,
  ) {}

  memory(): MemoryUse[] {
    return [...this.highest.values()].sort((a, b) => a.service.localeCompare(b.service));
  }

  /** @param work resolves to what was found; rejects when the step has failed */
  async step(name: string, work: () => Promise<string>): Promise<boolean> {
    const startedAt = performance.now();
    const outcome = await work().then(
      (detail) => ({ ok: true, detail }),
      (error: unknown) => ({ ok: false, detail: error instanceof Error ? error.message : String(error) }),
    );
    const seconds = (performance.now() - startedAt) / 1000;
    this.steps.push({ name, seconds, ...outcome });
    this.progress.line(`${outcome.ok ? 'ok    ' : 'FAILED'}  ${name} (${seconds.toFixed(1)} s): ${outcome.detail}`);
    return outcome.ok;
  }

  async run(): Promise<void> {
    await this.checkImage();
    await this.checkBadInput();
    await this.stack.down('--volumes');
    try {
      let upSeconds = Number.NaN;
      const isUp = await this.step('everything becomes healthy', async () => {
        upSeconds = await this.stack.up();
        return `${String((await this.stack.services()).length)} services`;
      });
      if (!isUp) {
        await this.explain();
        return;
      }
      await this.step('that took less than 60 s', () => {
        const found = `${upSeconds.toFixed(1)} s, load of the machine ${loadavg()[0]?.toFixed(1) ?? ''} on ${String(availableParallelism())} cores`;
        return upSeconds < HEALTHY_WITHIN_SECONDS ? Promise.resolve(found) : Promise.reject(new Error(found));
      });
      await this.step('100,000 events arrive, and the accounts are equal', () =>
        this.whileMemoryIsMeasured(async () => {
          await this.stack.up({ GENERATOR_MAX_EVENTS: String(EVENTS), GENERATOR_RATE: '0' });
          return this.accounts(EVENTS);
        }),
      );
      await this.step('a second up on the same ports says which one is taken', () => this.secondUp());
      await this.checkBadInputInNetwork();
      await this.step('the image of the daily run has the batch loader and dbt, and is not run by root', () =>
        this.batchImage(),
      );
      await this.killEach();
      await this.step('down and up keep the data, and the pause of an operator', () => this.downAndUp());
      await this.step('scaling to 2 shares the partitions, and Prometheus finds both', () => this.scaleToTwo());
      await this.step('scaling back to 1 loses nothing', () => this.scaleToOne());
      await this.step('without broker and warehouse for 200 s, the services are alive and not ready', () =>
        this.outage(),
      );
      await this.step('no container used more memory than its limit', () => Promise.resolve(this.checkMemory()));
    } finally {
      await this.step('down --volumes leaves nothing', async () => {
        const seconds = await this.stack.down('--volumes');
        const left = await this.stack.leftovers();
        if (left.length > 0) throw new Error(`left: ${left.join(', ')}`);
        return `no container, volume or network, ${seconds.toFixed(1)} s`;
      });
    }
    if (process.getuid?.() === 0) {
      await this.step('a full disk under the broker stops producing and loses nothing', () => this.fullDisk());
    } else this.progress.line('not run: a full disk under the broker. Only root can mount a small one.');
  }

  /**
   * The volume of the broker fills up under load. The broker ends, and ends again at each restart, until the disk has
   * grown; the services wait. They say which broker does not answer, and none of them is restarted.
   */
  private async fullDisk(): Promise<string> {
    const disk = await SmallDisk.mount(this.folder, SMALL_DISK_MB);
    const stack = this.stack.with(disk.composeFile);
    try {
      await stack.up({ GENERATOR_MAX_EVENTS: '0', GENERATOR_RATE: String(RATE_ON_SMALL_DISK) });
      const before = await this.restarts(stack);
      await waitUntil(async () => (await disk.freeBytes()) < FULL_BYTES, {
        what: `the ${String(SMALL_DISK_MB)} MB of the broker to be full`,
        deadlineMs: 180_000,
        intervalMs: 200,
      });
      let dead = 0;
      const lines = await waitUntil(
        async () => {
          const alive = await Promise.all(DEPENDENT.map((service) => stack.statusOf(service, '/health/live')));
          dead += alive.filter((status) => status !== 200).length;
          const ready = await Promise.all(DEPENDENT.map((service) => stack.statusOf(service, '/health/ready')));
          return ready.includes(503) && (await stack.log('order-generator', 20));
        },
        { what: 'a service to be not ready on a full disk', deadlineMs: 90_000, intervalMs: 1_000 },
      );
      if (dead > 0) throw new Error(`/health/live failed ${String(dead)} times`);
      await disk.grow(GROWN_DISK_MB);
      const seconds = await stack.untilHealthy('everything to be healthy after the disk has grown');
      await stack.admin('order-generator', 'POST', '/admin/pause');
      const after = await this.restarts(stack);
      if (JSON.stringify(after) !== JSON.stringify(before))
        throw new Error(`restarts ${JSON.stringify([before, after])}`);
      const said = lines.split('\n').findLast((line) => line.includes('redpanda'));
      if (said === undefined) throw new Error(`order-generator does not name the broker: ${lines}`);
      return `healthy ${seconds.toFixed(1)} s after it has grown. ${said} ${await this.accounts(1, stack)}`;
    } finally {
      await stack.down('--volumes');
      await disk.unmount();
    }
  }

  /** What the logs say, when the stack does not come up. */
  private async explain(): Promise<void> {
    for (const { Service, State, Health, ExitCode } of await this.stack.containers()) {
      if (State === 'running' && Health === 'healthy') continue;
      this.progress.line(`${Service}: ${State} ${Health} (${String(ExitCode)})\n${await this.stack.log(Service, 15)}`);
    }
  }

  private runImage(args: readonly string[], options: readonly string[] = []): Promise<Output> {
    return tryCommand('docker', ['run', '--rm', '--read-only', ...options, SERVICES_IMAGE, ...args], {
      ...this.docker,
      timeoutMs: 60_000,
    });
  }

  private async checkImage(): Promise<void> {
    await this.step(
      'the image has labels, a list of its packages, no dev dependencies, and is not run by root',
      async () => {
        const inspect = await command(
          'docker',
          ['image', 'inspect', SERVICES_IMAGE, '--format', '{{json .Config}}'],
          this.docker,
        );
        const { User, Labels } = JSON.parse(inspect) as { User: string; Labels: Record<string, string> };
        const title = Labels['org.opencontainers.image.title'];
        if (User !== 'node' || title !== 'orderstream') throw new Error(`user ${User}, title ${String(title)}`);
        const script = `const fs=require('fs');const sbom=JSON.parse(fs.readFileSync('sbom.cdx.json'));const dev=['jest','eslint','typescript','@swc/core'].filter(n=>fs.existsSync('node_modules/'+n));console.log(JSON.stringify({packages:sbom.components.length,dev,uid:process.getuid()}))`;
        const { stdout, stderr } = await this.runImage(['-e', script], ['--entrypoint', 'node']);
        const found = JSON.parse(stdout || JSON.stringify(stderr)) as { packages: number; dev: string[]; uid: number };
        if (found.uid === 0 || found.dev.length > 0 || !(found.packages > 50)) throw new Error(JSON.stringify(found));
        return `${String(found.packages)} packages in sbom.cdx.json, user id ${String(found.uid)}`;
      },
    );
  }

  /** Each is a message that names the setting, and an exit code. */
  private async checkBadInput(): Promise<void> {
    const cases: readonly [string, string, string, readonly string[], number][] = [
      [
        'a secret file that does not exist',
        'validator',
        'ADMIN_TOKENS_FILE',
        ['-e', 'ADMIN_TOKENS_FILE=/run/secrets/none'],
        2,
      ],
      [
        'a secret file that may not be read',
        'validator',
        'ADMIN_TOKENS_FILE',
        ['-e', 'ADMIN_TOKENS_FILE=/etc/shadow'],
        2,
      ],
      [
        'a secret that is not as expected',
        'bq-sink',
        'ADMIN_TOKENS_FILE',
        ['-e', 'ADMIN_TOKENS_FILE=/etc/hostname'],
        2,
      ],
      ['a port that is none', 'pubsub-bridge', 'HTTP_PORT', ['-e', 'HTTP_PORT=eighty'], 2],
      ['a service that does not exist', 'validater', 'validater', [], 2],
      [
        'a broker that is not there',
        'validator',
        'KAFKA_BROKERS',
        ['--network', 'none', '-e', 'KAFKA_BROKERS=redpanda:9092', '-e', 'START_TIMEOUT_MS=1000'],
        1,
      ],
    ];
    await this.checkStarts(cases);
  }

  /** With the broker of the stack, and without the warehouse. */
  private async checkBadInputInNetwork(): Promise<void> {
    const options = [
      ...['--network', this.stack.network, '-e', 'KAFKA_BROKERS=redpanda:9092', '-e', 'START_TIMEOUT_MS=1000'],
      ...['-e', 'BIGQUERY_API_ENDPOINT=http://nowhere:9050', '-e', 'BIGQUERY_GRPC_ENDPOINT=nowhere:9060'],
    ];
    await this.checkStarts([['a warehouse that is not there', 'bq-sink', 'BIGQUERY_API_ENDPOINT', options, 1]]);
  }

  /** Each: what is wrong, the service, what its message must name, options of `docker run`, the exit code. */
  private async checkStarts(cases: readonly [string, string, string, readonly string[], number][]): Promise<void> {
    for (const [what, service, setting, options, code] of cases) {
      await this.step(`${what}: ${service} names ${setting} and exits with ${String(code)}`, async () => {
        const output = await this.runImage([service], options);
        const text = output.stdout + output.stderr;
        const line = text.split('\n').find((each) => each.includes(setting));
        if (output.code !== code || line === undefined)
          throw new Error(`exit code ${String(output.code)}: ${text.slice(-600)}`);
        return line.trim();
      });
    }
  }

  /**
   * Compares ledger, topics and tables after everything has arrived.
   *
   * @throws Error unless all are equal
   */
  private async accounts(events: number, stack = this.stack): Promise<string> {
    const variables = ['-e', `ACCOUNTS_TOKEN=${stack.tokens.viewer}`, '-e', `ACCOUNTS_EVENTS=${String(events)}`];
    const { code, stdout, stderr } = await stack.tool([...variables, 'accounts']);
    const line = stdout.split('\n').find((each) => each.startsWith('{'));
    const result = accountsResult.safeParse(line === undefined ? undefined : JSON.parse(line));
    if (!result.success) throw new Error(`accounts ended with ${String(code)}: ${stderr.slice(-2_000)}`);
    const { examples, ...counts } = result.data;
    if (code !== 0)
      throw new Error(
        `${JSON.stringify(counts)} ${(examples ?? []).join('; ').slice(0, 1_500)} ${stderr.slice(-1_000)}`,
      );
    return JSON.stringify(counts);
  }

  private async secondUp(): Promise<string> {
    const other = 'orderstream-test-second';
    const { code, stderr } = await this.stack.tryCompose(['up', '--detach', '--no-build', 'prometheus'], {}, other);
    await this.stack.tryCompose(['down', '--volumes'], {}, other);
    const line = stderr.split('\n').find((each) => /port is already allocated|address already in use/.test(each));
    if (code === 0 || line === undefined) throw new Error(`exit code ${String(code)}: ${stderr.slice(-500)}`);
    return line.trim();
  }

  /** The profile `batch`: its image, and a command of it in the network of the stack. */
  private async batchImage(): Promise<string> {
    await this.compose(['--profile', 'batch', 'build', '--quiet', 'batch-loader']);
    const run = ['--profile', 'batch', 'run', '--rm', '--no-deps', '-T'];
    const dbt = await this.compose([...run, '--entrypoint', '/opt/dbt/bin/dbt', 'batch-loader', '--version']);
    const version = /installed: +(\S+)/.exec(dbt)?.[1];
    const uid = /^\d+$/m.exec(await this.compose([...run, '--entrypoint', 'id', 'batch-loader', '-u']))?.[0];
    const day = new Date(Date.now() - DAY_MS).toISOString().slice(0, 10);
    const loaded = await this.compose([...run, 'batch-loader', '--from', day, '--to', day, '--rows', '500']);
    if (version === undefined || uid === undefined || uid === '0' || !loaded.includes('succeeded')) {
      throw new Error(`dbt ${String(version)}, user id ${String(uid)}: ${loaded.slice(-600)}`);
    }
    return `dbt ${version}, user id ${uid}; ${loaded.split('\n').at(-1) ?? ''}`;
  }

  /** What a command of Compose writes. @throws Error unless it succeeds */
  private async compose(args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.stack.tryCompose(args, {});
    const output = `${stdout}\n${stderr}`.trim();
    if (code !== 0)
      throw new Error(`docker compose ${args.join(' ')} ended with ${String(code)}: ${output.slice(-1_000)}`);
    return output;
  }

  /** Kills the main process of each container under load. Each comes back; afterwards the accounts are equal. */
  private async killEach(): Promise<void> {
    await this.whileMemoryIsMeasured(async () => {
      await this.step('the generator goes on after a change of its variables', async () => {
        return `${(await this.stack.up(UNDER_KILLS)).toFixed(1)} s`;
      });
      for (const service of await this.stack.services()) {
        await this.step(`kill -9 of ${service}: it comes back`, async () => {
          const container = (await this.stack.containers()).find(({ Service }) => Service === service);
          if (container === undefined) throw new Error('there is no such container');
          await this.stack.killProcess(container);
          return `healthy again after ${(await this.stack.untilHealthy(`${service} and all others to be healthy`)).toFixed(1)} s`;
        });
      }
    });
    await this.step('the accounts are equal after all kills', async () => {
      await this.stack.admin('order-generator', 'POST', '/admin/pause');
      // Google's emulator has lost what it had not delivered.
      await this.stack.wait(5_000);
      await this.stack.stopService('pubsub-bridge');
      const rewound = await this.stack.tool(['pubsub-rewind']);
      await this.stack.startService('pubsub-bridge');
      if (rewound.code !== 0) throw new Error(rewound.stderr.slice(-1_000));
      return `${rewound.stdout.trim()} ${await this.accounts(1)}`;
    });
  }

  /** Longer than every timeout after which a handler that does not end would fail liveness. */
  private async outage(): Promise<string> {
    const away = ['redpanda', 'bigquery-emulator'];
    await this.stack.admin('order-generator', 'POST', '/admin/resume');
    const before = await this.restarts();
    for (const service of away) await this.stack.stopService(service);
    const until = performance.now() + OUTAGE_MS;
    while (performance.now() < until) {
      for (const service of DEPENDENT) {
        const status = await this.stack.statusOf(service, '/health/live');
        if (status !== 200)
          throw new Error(`${service} is not alive (${String(status)}): ${await this.stack.log(service, 5)}`);
      }
      await this.stack.wait(5_000);
    }
    const ready = await Promise.all(DEPENDENT.map((service) => this.stack.statusOf(service, '/health/ready')));
    for (const service of away) await this.stack.startService(service);
    const seconds = await this.stack.untilHealthy('everything to be healthy after the outage');
    if (ready.some((status) => status !== 503)) throw new Error(`/health/ready answered ${ready.join(', ')}`);
    const after = await this.restarts();
    if (JSON.stringify(after) !== JSON.stringify(before))
      throw new Error(`restarts ${JSON.stringify([before, after])}`);
    await this.stack.admin('order-generator', 'POST', '/admin/pause');
    return `all healthy ${seconds.toFixed(1)} s after their return, none restarted. ${await this.accounts(1)}`;
  }

  /** Restarts of each of these services, by Docker. */
  private async restarts(stack = this.stack): Promise<number[]> {
    const containers = (await stack.containers()).filter(({ Service }) => DEPENDENT.includes(Service));
    const all = await Promise.all(containers.map(({ ID }) => stack.inspect(ID)));
    return all.map(({ RestartCount }) => RestartCount);
  }

  private async downAndUp(): Promise<string> {
    const before = await this.rows();
    const down = await this.stack.down();
    const up = await this.stack.up({ ...UNDER_KILLS, GENERATOR_RATE: '1' });
    const ready = await this.stack.statusOf('order-generator', '/health/ready');
    if (ready !== 503) throw new Error('the pause of the generator did not outlast down and up');
    await this.stack.admin('order-generator', 'POST', '/admin/resume');
    const after = await this.rows();
    if (after < before || before === 0) throw new Error(`${String(before)} rows before, ${String(after)} after`);
    return `${String(before)} rows before, ${String(after)} after; down ${down.toFixed(1)} s, up ${up.toFixed(1)} s`;
  }

  private async rows(): Promise<number> {
    const { code, stdout, stderr } = await this.stack.tool(['query', 'select count(*) as n from order_events']);
    const digits = /\d+/.exec(stdout)?.[0];
    if (code !== 0 || digits === undefined) throw new Error(`query ended with ${String(code)}: ${stdout} ${stderr}`);
    return Number(digits);
  }

  private async scaleToTwo(): Promise<string> {
    await this.stack.up(UNDER_KILLS, ...SCALE_TO_TWO);
    const shares = await waitUntil(
      async () => {
        const found = await Promise.all(SCALED.map((service) => this.sharesOf(service)));
        return found.every((shares) => shares.every((share) => share > 0)) && found;
      },
      { what: 'both instances of each scaled service to have partitions', deadlineMs: 60_000, intervalMs: 1_000 },
    );
    await waitUntil(
      async () => (await this.stack.scraped('validator')) === 2 && (await this.stack.scraped('bq-sink')) === 2,
      {
        what: 'Prometheus to scrape both instances of each scaled service',
        deadlineMs: 60_000,
        intervalMs: 1_000,
      },
    );
    return SCALED.map((service, index) => `${service} ${String(shares[index]?.join(' + '))} partitions`).join(', ');
  }

  private async sharesOf(service: string): Promise<number[]> {
    return Promise.all(
      [1, 2].map(async (index) => {
        const status = (await this.stack.admin(service, 'GET', '/admin/status', index)) as { partitions: unknown[] };
        return status.partitions.length;
      }),
    );
  }

  private async scaleToOne(): Promise<string> {
    await this.stack.up(UNDER_KILLS);
    await this.stack.wait(5_000);
    await this.stack.admin('order-generator', 'POST', '/admin/pause');
    return this.accounts(1);
  }

  private async whileMemoryIsMeasured<T>(work: () => Promise<T>): Promise<T> {
    const ended = new AbortController();
    const measuring = this.measure(ended.signal);
    try {
      return await work();
    } finally {
      ended.abort();
      await measuring;
    }
  }

  private async measure(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // A container that is being restarted has no figures.
      const found = await this.stack.memory().catch(() => []);
      for (const use of found) {
        const known = this.highest.get(use.service);
        if (known === undefined || use.usedBytes > known.usedBytes) this.highest.set(use.service, use);
      }
      await this.stack.wait(MEMORY_INTERVAL_MS);
    }
  }

  private checkMemory(): string {
    const all = this.memory();
    if (all.length === 0) throw new Error('nothing was measured');
    const over = all.filter(({ usedBytes, limitBytes }) => usedBytes >= limitBytes);
    if (over.length > 0) throw new Error(over.map(({ service }) => service).join(', '));
    const [most] = all.sort((a, b) => b.usedBytes / b.limitBytes - a.usedBytes / a.limitBytes);
    if (most === undefined) return 'nothing was measured';
    return `${most.service} came closest: ${String(Math.round((100 * most.usedBytes) / most.limitBytes))} %`;
  }
}

const UNDER_KILLS: Variables = { GENERATOR_MAX_EVENTS: '0', GENERATOR_RATE: String(RATE_UNDER_KILLS) };
