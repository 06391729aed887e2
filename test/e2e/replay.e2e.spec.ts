import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { queryFresh, type QueryRow } from '@orderstream/bigquery';
import { deadLetterTopic, parkedTopic, rawTopic } from '@orderstream/contracts';
import { waitUntil } from '@orderstream/deadlines';
import { createKafka } from '@orderstream/kafka';
import { warehouse } from '../support/foreign-order';
import { LateCatalog } from '../support/late-catalog';
import { pidOf, StackCommand } from '../support/running-stack';

jest.setTimeout(900_000);

const REPOSITORY = join(__dirname, '..', '..');
const ORDERS = 5_000;
/** Placed, paid, shipped. */
const EVENTS = 3 * ORDERS;
const RATE = 2_000;
const DEADLINE_MS = 300_000;
const TOPIC = deadLetterTopic(rawTopic('orders'), 'validator');
/** The circuit breaker of a partition counts this many records; more than half of them are rejected here. */
const WITHOUT_BREAKER_RECORDS = 100_000;
/** Orders of the plans that are edited, stopped, or come back. */
const FEW = 20;
/** A record that fails more often is parked. */
const MAX_ATTEMPTS = 5;

type Stack = Awaited<ReturnType<StackCommand['waitUntilRunning']>>;

interface Group {
  readonly fingerprint: string;
  readonly reason: string;
  readonly count: number;
}
interface Letter {
  readonly eventId: string;
}
interface Plan {
  readonly id: string;
  readonly state: string;
  readonly preview: {
    readonly letters: number;
    readonly followers: number;
    readonly total: number;
    readonly dryRun: { readonly passes: number; readonly fails: readonly object[]; readonly undecided: number };
  };
  readonly progress: Readonly<Record<string, number>>;
}

// Without the console there is nothing to replay with.
const isBuilt = existsSync(join(REPOSITORY, 'dist', 'apps', 'console', 'src', 'main.js'));

(isBuilt ? describe : describe.skip)('orders whose catalog is late', () => {
  let home: string;
  let command: StackCommand;
  let stack: Stack;

  beforeAll(async () => {
    const local = join(REPOSITORY, '.local');
    mkdirSync(local, { recursive: true });
    home = mkdtempSync(join(local, 'e2e-replay-'));
    command = new StackCommand('main.js', ['--rate', '20'], home);
    stack = await command.waitUntilRunning();
  });
  afterAll(async () => {
    command.signal('SIGTERM');
    const ended = await command.ended;
    rmSync(home, { recursive: true, force: true });
    expect(ended).toBe(143);
  });

  /** Runs `npm run ctl` as an operator does, and returns the document that it prints. */
  async function ctl<T>(...args: readonly string[]): Promise<T> {
    const { code, out, err } = await runCtl(args);
    if (code !== 0) throw new Error(`ctl ${args.join(' ')} ended with ${code}: ${err}`);
    return JSON.parse(out) as T;
  }

  async function runCtl(
    args: readonly string[],
  ): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
    const main = join(REPOSITORY, 'dist', 'tools', 'src', 'ctl', 'main.js');
    const child = spawn(process.execPath, [main, ...args, '--json'], {
      env: { ...process.env, ORDERSTREAM_HOME: home },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
    const code = await new Promise<number>((resolve) => {
      child.once('close', (exitCode) => {
        resolve(exitCode ?? -1);
      });
    });
    return { code, out, err };
  }

  const until = <T>(what: string, condition: () => Promise<T | false | undefined>): Promise<T> =>
    waitUntil(condition, { what, deadlineMs: DEADLINE_MS, intervalMs: 500 });

  /** Sends the orders, and lets the validator reject all of them: the circuit breaker stops it once on the way. */
  async function rejectOrders(late: LateCatalog): Promise<{ readonly group: Group; readonly from: string }> {
    const from = new Date().toISOString();
    await late.sendOrders(kafkaOf(stack));
    await until('the circuit breaker to stop partitions', async () => {
      const { partitions } = await validatorStatus(stack);
      return partitions.some(({ state, error }) => state === 'stopped' && error !== undefined);
    });
    await ctl('resume', 'validator', '--without-breaker-records', String(WITHOUT_BREAKER_RECORDS));
    const groups = await until('every event among the dead letters', async () => {
      const list = await ctl<{ groups: Group[] }>('dead-letters', 'groups', '--topic', TOPIC, '--from', from);
      const count = (reason: string): number => total(list.groups.filter((group) => group.reason === reason));
      return (
        count('reference.unknown_vendor') >= ORDERS && count('lifecycle.unknown_order') >= 2 * ORDERS && list.groups
      );
    });
    const [group, ...others] = groups.filter(({ reason }) => reason === 'reference.unknown_vendor');
    expect(others).toEqual([]);
    if (group === undefined) throw new Error('no group');
    expect(group.count).toBe(ORDERS);
    return { group, from };
  }

  async function announce(late: LateCatalog): Promise<void> {
    await late.sendCatalog(kafkaOf(stack));
    await until('the vendor and its product in the catalog', async () => {
      const query = `SELECT event_id FROM ${stack.bigquery.dataset}.catalog_events WHERE event_source = @source`;
      return (await queryFresh(warehouse(stack), query, { source: late.source })).length === 2;
    });
  }

  async function createPlan({ group, from }: { readonly group: Group; readonly from: string }): Promise<Plan> {
    const filter = ['--topic', TOPIC, '--fingerprint', group.fingerprint, '--from', from];
    const plan = await ctl<Plan>('replay', 'create', ...filter, '--rate', String(RATE), '--canary', '50', '--preview');
    expect(plan.state).toBe('ready');
    expect(plan.preview).toMatchObject({ letters: ORDERS, followers: 2 * ORDERS, total: EVENTS });
    expect(plan.preview.dryRun).toEqual({ passes: EVENTS, fails: [], undecided: 0 });
    return plan;
  }

  /** Every event is in the tables as it must be, and every letter has its receipt. */
  async function expectReplayed(late: LateCatalog, plan: Plan): Promise<void> {
    expect(plan).toMatchObject({ state: 'finished', progress: { returned: EVENTS, cameBack: 0, total: EVENTS } });
    const { dataset } = stack.bigquery;
    const rows = await until('every event in order_events', async () => {
      const query = `SELECT event_id, customer_id, _kafka_partition AS p, _kafka_offset AS o
        FROM ${dataset}.order_events WHERE event_source = @source`;
      const found = await queryFresh(warehouse(stack), query, { source: late.source });
      return found.length >= EVENTS && found;
    });
    // Exactly once.
    expect(rows.map(({ event_id: id }) => String(id)).sort()).toEqual(late.ids);
    expect(inLogOrder(rows)).toEqual(late.idsByCustomer);
    const streamed = await until('every event in streaming_orders', async () => {
      const query = `SELECT DISTINCT event_id FROM ${dataset}.streaming_orders WHERE STARTS_WITH(customer_id, @prefix)`;
      const found = await queryFresh(warehouse(stack), query, { prefix: late.customerPrefix });
      return found.length >= EVENTS && found;
    });
    expect(streamed.map(({ event_id: id }) => String(id)).sort()).toEqual(late.ids);

    const limit = ['--limit', String(EVENTS * 2)];
    const { receipts } = await ctl<{ receipts: { letter: string; outcome: string }[] }>(
      'replay',
      'receipts',
      plan.id,
      ...limit,
    );
    expect(receipts.every(({ outcome }) => outcome === 'returned')).toBe(true);
    expect(new Set(receipts.map(({ letter }) => letter)).size).toBe(EVENTS);
    expect(receipts).toHaveLength(EVENTS);
  }

  it('come back with their payments and shipments when the catalog has arrived, although the breaker had tripped', async () => {
    const late = new LateCatalog(ORDERS, Date.now());
    const rejected = await rejectOrders(late);
    await announce(late);
    const { id } = await createPlan(rejected);
    await expectReplayed(late, await ctl<Plan>('replay', 'start', id, '--yes', '--watch'));
  });

  it('come back once, although console, validator and broker are killed on the way', async () => {
    const late = new LateCatalog(ORDERS, Date.now());
    const rejected = await rejectOrders(late);
    await announce(late);
    const { id } = await createPlan(rejected);
    await ctl('replay', 'start', id, '--yes');
    for (const [at, name] of [
      [EVENTS / 5, 'console'],
      [(2 * EVENTS) / 5, 'validator'],
      [(3 * EVENTS) / 5, 'kafka'],
    ] as const) {
      await until(`${at} events to be returned`, async () => {
        // The console may be on its way back.
        const plan = await ctl<Plan>('replay', 'status', id).catch(() => undefined);
        return plan !== undefined && (plan.progress.returned ?? 0) >= at;
      });
      process.kill(pidOf(home, name), 'SIGKILL');
    }
    const plan = await until('the plan to end', () => ctl<Plan>('replay', 'watch', id).catch(() => undefined));
    await expectReplayed(late, plan);
  });

  /** Waits until this many letters with the reason stand in the topic since a time. */
  async function letters(topic: string, reason: string, from: string, count: number): Promise<readonly Letter[]> {
    const list = ['dead-letters', 'list', '--topic', topic, '--reason', reason, '--from', from, '--limit', '1000'];
    return until(`${count} letters in ${topic}`, async () => {
      const found = (await ctl<{ letters: Letter[] }>(...list)).letters;
      return found.length >= count && found;
    });
  }

  it('are corrected by a patch, each as a new event', async () => {
    const late = new LateCatalog(FEW, Date.now(), { item_price: '-9.90' });
    await announce(late);
    const from = new Date().toISOString();
    await late.sendOrders(kafkaOf(stack));
    await letters(TOPIC, 'structure.invalid_field', from, FEW);
    const patch = join(home, 'patch.json');
    writeFileSync(patch, '[{"op": "replace", "path": "/item_price", "value": "9.90"}]');
    const filter = ['--topic', TOPIC, '--reason', 'structure.invalid_field', '--from', from, '--no-followers'];
    const { id, preview } = await ctl<Plan>('replay', 'create', ...filter, '--edit', patch, '--preview');
    expect(preview).toMatchObject({ total: FEW, dryRun: { passes: FEW } });
    const plan = await ctl<Plan>('replay', 'start', id, '--yes', '--watch');
    expect(plan).toMatchObject({ state: 'finished', progress: { returned: FEW, cameBack: 0 } });
    const rows = await until('the corrected orders in order_events', async () => {
      const query = `SELECT event_id, CAST(item_price AS STRING) AS price FROM ${stack.bigquery.dataset}.order_events
        WHERE STARTS_WITH(customer_id, @prefix) AND event_type = 'order.placed'`;
      const found = await queryFresh(warehouse(stack), query, { prefix: late.customerPrefix });
      return found.length >= FEW && found;
    });
    expect(rows.map(({ price }) => Number(price))).toEqual(Array<number>(FEW).fill(9.9));
    const sent = new Set(late.ids);
    expect(rows.filter(({ event_id: eventId }) => sent.has(String(eventId)))).toEqual([]);
  });

  it('that fail again stop the plan at its canary, and are parked after five attempts', async () => {
    const late = new LateCatalog(FEW, Date.now());
    let from = new Date().toISOString();
    await late.sendOrders(kafkaOf(stack));
    const reason = 'reference.unknown_vendor';
    await letters(TOPIC, reason, from, FEW);
    const create = async (...options: readonly string[]): Promise<string> => {
      const filter = ['--topic', TOPIC, '--reason', reason, '--from', from, '--no-followers'];
      return (await ctl<Plan>('replay', 'create', ...filter, ...options, '--preview')).id;
    };
    const stopped = await create('--canary', '5');
    const { code, out } = await runCtl(['replay', 'start', stopped, '--yes', '--watch']);
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({ state: 'stopped', progress: { returned: 5, cameBack: 5 } });

    // The letters of the canary have failed twice, the others once.
    for (let attempt = 2; attempt <= MAX_ATTEMPTS + 1; attempt++) {
      const id = await create('--stop-above', '1');
      from = new Date().toISOString();
      await ctl<Plan>('replay', 'start', id, '--yes', '--watch');
      const isLast = attempt > MAX_ATTEMPTS;
      const canary = attempt === MAX_ATTEMPTS ? 5 : 0;
      if (!isLast) await letters(TOPIC, reason, from, FEW - canary);
    }
    const parked = await letters(parkedTopic(TOPIC), reason, '1d', FEW);
    expect(parked).toHaveLength(FEW);
    expect(new Set(parked.map(({ eventId }) => eventId)).size).toBe(FEW);
  });
});

function total(groups: readonly Group[]): number {
  return groups.reduce((sum, { count }) => sum + count, 0);
}

/** The event ids of each customer in the order of the validated log. */
function inLogOrder(rows: readonly QueryRow[]): ReadonlyMap<string, readonly string[]> {
  const byCustomer = new Map<string, string[]>();
  const sorted = [...rows].sort((a, b) => Number(a.p) - Number(b.p) || Number(a.o) - Number(b.o));
  for (const { customer_id: customer, event_id: id } of sorted) {
    const ids = byCustomer.get(String(customer)) ?? [];
    ids.push(String(id));
    byCustomer.set(String(customer), ids);
  }
  return byCustomer;
}

function kafkaOf({ kafka }: Stack): ReturnType<typeof createKafka> {
  return createKafka({ brokers: kafka.brokers, clientId: 'late-catalog' });
}

async function validatorStatus({ services, tokens }: Stack): Promise<{
  readonly partitions: readonly { readonly state: string; readonly error?: string }[];
}> {
  const response = await fetch(`${services.validator?.url ?? ''}/admin/status`, {
    headers: { authorization: `Bearer ${tokens.viewer}` },
  });
  return (await response.json()) as Awaited<ReturnType<typeof validatorStatus>>;
}
