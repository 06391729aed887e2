import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { queryFresh } from '@orderstream/bigquery';
import { CE } from '@orderstream/contracts';
import { latestDeadLetters } from '@orderstream/dead-letters';
import { createKafka } from '@orderstream/kafka';
import { foreignOrder, produceOrder, warehouse } from '../support/foreign-order';
import { pidOf, runningPids, StackCommand, startedPids } from '../support/running-stack';
import { waitUntil } from '@orderstream/deadlines';

jest.setTimeout(300_000);

const EVENTS = 3_000;
const ARRIVAL_DEADLINE_MS = 60_000;
const LOAD_DEADLINE_MS = 180_000;
const COMPONENTS_IN_STOP_ORDER = [
  'order-generator',
  'validator',
  'pubsub-bridge',
  'subscription-emulator',
  'bq-sink',
  'bigquery-emulator',
  'pubsub-emulator',
  'kafka',
];
/** A run that ends by itself has no console and no batch loader. */
const WITH_CONSOLE = ['console', 'batch-loader', ...COMPONENTS_IN_STOP_ORDER];

type Stack = Awaited<ReturnType<StackCommand['waitUntilRunning']>>;

/** Three starts over one home folder. Each test continues where the one before stopped. */
describe('the local stack', () => {
  let home: string;
  /** The stack that the second test starts and the last one kills. */
  let running: StackCommand;
  let lastSeq = 0;
  const commands: StackCommand[] = [];

  beforeAll(() => {
    const local = join(__dirname, '..', '..', '.local');
    mkdirSync(local, { recursive: true });
    home = mkdtempSync(join(local, 'e2e-'));
  });
  afterAll(async () => {
    // A failed test may leave processes; the second signal kills all of them.
    for (const command of commands) {
      command.signal('SIGTERM');
      command.signal('SIGTERM');
      await command.ended;
    }
    rmSync(home, { recursive: true, force: true });
  });

  const run = (program: string, ...args: string[]): StackCommand => {
    const command = new StackCommand(program, args, home);
    commands.push(command);
    return command;
  };

  it('accounts for every event of a run, and leaves no process running', async () => {
    const current = run(
      'main.js',
      '--events',
      String(EVENTS),
      '--exit',
      '--json',
      '--seed',
      '7',
      '--defect-rate',
      '0.05',
    );
    await current.waitUntilRunning();
    const pids = startedPids(home);
    expect(pids.length).toBe(COMPONENTS_IN_STOP_ORDER.length);
    expect(`exit code ${String(await current.ended)}`).toBe('exit code 0');
    const [line, ...rest] = current.stdout.split('\n');
    expect(rest).toEqual(['']);
    const accounts = JSON.parse(line ?? '') as Record<string, number> & { tables: Record<string, number> };
    expect(accounts).toMatchObject({
      missing: 0,
      duplicated: 0,
      unexplained: 0,
      unsent: 0,
      foreign: 0,
      wrongVerdicts: 0,
    });
    const { generated = 0, announced = 0 } = accounts;
    expect(announced).toBeGreaterThan(0);
    expect(generated - announced).toBe(EVENTS);
    lastSeq = generated;
    const { accepted = 0, repaired = 0, skipped = 0, deadLettered = 0, tables } = accounts;
    expect(accepted + repaired + skipped + deadLettered).toBe(generated);
    for (const outcome of [repaired, skipped, deadLettered]) expect(outcome).toBeGreaterThan(0);
    const { streaming_orders: streaming, dead_letters: letters, ...streamTables } = tables;
    expect(Object.values(streamTables).reduce((sum, rows) => sum + rows, 0)).toBe(accepted + repaired);
    expect(letters).toBe(deadLettered);
    expect(streaming).toBe(tables.order_events);
    expect(accounts.eventsPerSecond).toBeGreaterThan(0);
    expect(runningPids(pids)).toEqual([]);
  });

  it('continues the sequence of the last run, and processes the records of other producers', async () => {
    // Orders are some percent of the events.
    running = run('main.js', '--rate', '500', '--history', '2000');
    const stack = await running.waitUntilConsole();
    expect(statSync(join(home, 'stack.json')).mode & 0o777).toBe(0o600);
    await waitUntil(async () => (await nextSeq(stack)) > lastSeq, {
      what: 'the generator to continue its sequence',
      deadlineMs: ARRIVAL_DEADLINE_MS,
    });

    const kafka = createKafka({ brokers: stack.kafka.brokers, clientId: 'foreign' });
    const good = await foreignOrder(kafka);
    await produceOrder(kafka, good.key, JSON.stringify(good.order), good.headers);
    const bad = `{"event_id": ${randomUUID()}`;
    await produceOrder(kafka, good.key, bad, good.headers);
    for (const [table, column] of [
      ['order_events', 'order_id'],
      // A subscription delivers at least once.
      ['streaming_orders', 'DISTINCT order_id'],
    ] as const) {
      const query = `SELECT ${column} FROM ${stack.bigquery.dataset}.${table} WHERE event_id = @id`;
      const found = await waitUntil(
        async () => {
          const rows = await queryFresh(warehouse(stack), query, { id: good.order.event_id });
          return rows.length > 0 && rows;
        },
        { what: `the foreign order in ${table}`, deadlineMs: ARRIVAL_DEADLINE_MS },
      );
      expect(found).toEqual([{ order_id: good.order.order_id }]);
    }
    const letter = await waitUntil(
      async () => (await latestDeadLetters(kafka, { limit: 100 })).find(({ value }) => value?.toString() === bad),
      { what: 'the foreign bad record among the dead letters', deadlineMs: ARRIVAL_DEADLINE_MS },
    );
    expect(letter).toMatchObject({ reason: 'structure.malformed_json', app: 'validator' });
    expect(letter.headers[CE.id]).toEqual(Buffer.from(good.order.event_id));

    const sql = run('sql.js', `select count(*) as orders from order_events where event_id = '${good.order.event_id}'`);
    expect(await sql.ended).toBe(0);
    expect(sql.stdout).toBe('orders\n------\n     1\n');

    lastSeq = await nextSeq(stack);
  });

  it('loads a first history in the background', async () => {
    const stack = await running.waitUntilRunning();
    const loaded = /The history is loaded after \d+ s: ([\d,]+) orders of (\S+) to (\S+) in raw_orders/;
    const [, orders = ''] = await waitUntil(() => loaded.exec(running.stderr) ?? undefined, {
      what: 'the history',
      deadlineMs: LOAD_DEADLINE_MS,
    });
    // A Poisson number with a mean of 2,000: five standard deviations.
    const count = Number(orders.replaceAll(',', ''));
    expect(Math.abs(count - 2_000)).toBeLessThan(225);
    expect(await historyOf(stack)).toEqual({ orders: count, runs: 1 });
  });

  it('publishes again what the Pub/Sub emulator had acknowledged and lost when it was killed', async () => {
    const stack = await running.waitUntilRunning();
    const { dataset } = stack.bigquery;
    // Without its subscriber the emulator holds orders that are nowhere else when it is killed.
    process.kill(pidOf(home, 'subscription-emulator'), 'SIGSTOP');
    const before = await publishedBy(stack);
    await waitUntil(async () => (await publishedBy(stack)) >= before + 20, {
      what: 'orders in the emulator',
      deadlineMs: ARRIVAL_DEADLINE_MS,
    });
    process.kill(pidOf(home, 'pubsub-emulator'), 'SIGKILL');
    process.kill(pidOf(home, 'subscription-emulator'), 'SIGCONT');

    const published = /pubsub-bridge is restarted: (\d+) orders that it published are not in/;
    const [, lost] = await waitUntil(() => published.exec(running.stderr) ?? undefined, {
      what: 'the loss to be noticed',
      deadlineMs: ARRIVAL_DEADLINE_MS,
    });
    expect(Number(lost)).toBeGreaterThanOrEqual(20);
    const latest = `SELECT MAX(_kafka_timestamp) AS latest FROM ${dataset}.order_events`;
    const until = (await queryFresh(warehouse(stack), latest))[0]?.latest as { value: string };
    const missing = `SELECT COUNT(*) AS missing FROM ${dataset}.order_events
      WHERE _kafka_timestamp <= TIMESTAMP '${until.value}'
        AND event_id NOT IN (SELECT event_id FROM ${dataset}.streaming_orders)`;
    await waitUntil(async () => Number((await queryFresh(warehouse(stack), missing))[0]?.missing) === 0, {
      what: 'every order in streaming_orders',
      deadlineMs: ARRIVAL_DEADLINE_MS,
    });
  });

  it('rejects a second start over the same home folder', async () => {
    const second = run('main.js');
    expect(await second.ended).toBe(2);
    expect(second.stderr).toContain('already running');
  });

  it('stops the processes of a killed runner, continues its sequence, and stops in order on SIGTERM', async () => {
    running.signal('SIGKILL');
    await running.ended;
    const orphans = startedPids(home);
    expect(runningPids(orphans).length).toBe(WITH_CONSOLE.length);

    const current = run('main.js', '--rate', '20');
    const stack = await current.waitUntilConsole();
    expect(current.stderr).toContain('Stopped processes of an earlier start');
    expect(runningPids(orphans)).toEqual([]);
    await waitUntil(async () => (await nextSeq(stack)) > lastSeq, {
      what: 'the generator to continue its sequence',
      deadlineMs: ARRIVAL_DEADLINE_MS,
    });
    // The batch loader is ready, and what was loaded is not loaded again.
    await waitUntil(
      () => startedPids(home).length === WITH_CONSOLE.length && current.stderr.includes('batch-loader is ready'),
      {
        what: 'the batch loader',
        deadlineMs: ARRIVAL_DEADLINE_MS,
      },
    );
    expect(current.stderr).not.toContain('The history');
    expect(await historyOf(stack)).toMatchObject({ runs: 1 });
    const pids = startedPids(home);
    current.signal('SIGTERM');
    expect(await current.ended).toBe(143);
    expect(runningPids(pids)).toEqual([]);
    expect([...current.stderr.matchAll(/^ {2}(\S+) has stopped/gm)].map(([, name]) => name)).toEqual(WITH_CONSOLE);
  });
});

async function historyOf(stack: Stack): Promise<{ orders: number; runs: number }> {
  const { dataset } = stack.bigquery;
  const query = `SELECT (SELECT COUNT(*) FROM ${dataset}.raw_orders) AS orders,
    (SELECT COUNT(DISTINCT run_id) FROM ${dataset}.pipeline_runs) AS runs`;
  const [row] = await queryFresh(warehouse(stack), query);
  return { orders: Number(row?.orders), runs: Number(row?.runs) };
}

async function nextSeq({ services, tokens }: Stack): Promise<number> {
  const url = `${services['order-generator']?.url ?? ''}/admin/status`;
  const response = await fetch(url, { headers: { authorization: `Bearer ${tokens.viewer}` } });
  return ((await response.json()) as { nextSeq: number }).nextSeq;
}

async function publishedBy({ services, tokens }: Stack): Promise<number> {
  const url = `${services['pubsub-bridge']?.url ?? ''}/admin/status`;
  const response = await fetch(url, { headers: { authorization: `Bearer ${tokens.viewer}` } });
  return ((await response.json()) as { published: number }).published;
}
