import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createBigQuery, queryFresh } from '@orderstream/bigquery';
import { CE, envelopeHeaders, PARTITIONS, rawTopic, validatedTopic } from '@orderstream/contracts';
import { latestDeadLetters } from '@orderstream/dead-letters';
import { createKafka, type KafkaRecord, partitionFor, readPartition, RecordProducer } from '@orderstream/kafka';
import { type Kafka } from 'kafkajs';
import { alive, StackCommand, startedPids } from '../support/running-stack';
import { waitUntil } from '@orderstream/deadlines';

jest.setTimeout(300_000);

const EVENTS = 3_000;
const ARRIVAL_DEADLINE_MS = 60_000;
const RAW_ORDERS = rawTopic('orders');

/** The body of an order.placed, as far as it is looked at here. */
interface OrderBody {
  readonly event_id: string;
  readonly event_type: string;
  readonly order_id: string;
  readonly [field: string]: unknown;
}

type Stack = Awaited<ReturnType<StackCommand['running']>>;

/** The whole system as a user has it: three starts over one folder, each test on from where the one before stopped. */
describe('the local stack', () => {
  let home: string;
  const commands: StackCommand[] = [];

  beforeAll(() => {
    const local = join(__dirname, '..', '..', '.local');
    mkdirSync(local, { recursive: true });
    home = mkdtempSync(join(local, 'e2e-'));
  });
  afterAll(async () => {
    // After a failed test something may still run: the second signal ends all of it at once.
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

  it('accounts for every event of a run, and leaves nothing running', async () => {
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
    await current.running();
    const pids = startedPids(home);
    expect(pids.length).toBe(8);
    expect(`exit code ${String(await current.ended)}`).toBe('exit code 0');
    const [line, ...rest] = current.stdout.split('\n');
    expect(rest).toEqual(['']);
    const accounts = JSON.parse(line ?? '') as Record<string, number> & { tables: Record<string, number> };
    expect(accounts).toMatchObject({ generated: EVENTS, missing: 0, duplicated: 0, foreign: 0, wrongVerdicts: 0 });
    const { accepted = 0, repaired = 0, skipped = 0, deadLettered = 0, tables } = accounts;
    expect(accepted + repaired + skipped + deadLettered).toBe(EVENTS);
    for (const outcome of [repaired, skipped, deadLettered]) expect(outcome).toBeGreaterThan(0);
    const { streaming_orders: streaming, ...streamTables } = tables;
    expect(Object.values(streamTables).reduce((sum, rows) => sum + rows, 0)).toBe(accepted + repaired);
    expect(streaming).toBe(tables.order_events);
    expect(accounts.eventsPerSecond).toBeGreaterThan(0);
    expect(alive(pids)).toEqual([]);
  });

  it('goes on where it stopped, alone over its folder, and takes what others send', async () => {
    const current = run('main.js', '--rate', '20');
    const stack = await current.running();
    expect(statSync(join(home, 'stack.json')).mode & 0o777).toBe(0o600);
    await waitUntil(async () => (await nextSeq(stack)) > EVENTS, {
      what: 'the sequence to go on',
      deadlineMs: ARRIVAL_DEADLINE_MS,
    });

    const second = run('main.js');
    expect(await second.ended).toBe(2);
    expect(second.stderr).toContain('already running');

    const kafka = createKafka({ brokers: stack.kafka.brokers, clientId: 'foreign' });
    const good = await foreignOrder(kafka);
    await produce(kafka, good.key, JSON.stringify(good.order), good.headers);
    const bad = `{"event_id": ${randomUUID()}`;
    await produce(kafka, good.key, bad, good.headers);
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

    current.signal('SIGKILL');
    await current.ended;
    expect(alive(startedPids(home)).length).toBe(8);
  });

  it('stops what a killed runner left, goes on, and ends everything in order on SIGTERM', async () => {
    const orphans = startedPids(home);
    const current = run('main.js', '--rate', '20');
    await current.running();
    expect(current.stderr).toContain('Stopped what an earlier start left behind');
    expect(alive(orphans)).toEqual([]);
    const pids = startedPids(home);
    current.signal('SIGTERM');
    expect(await current.ended).toBe(143);
    expect(alive(pids)).toEqual([]);
    expect(current.stderr).not.toContain('was killed');
  });
});

async function nextSeq({ services, tokens }: Stack): Promise<number> {
  const url = `${services['order-generator']?.url ?? ''}/admin/status`;
  const response = await fetch(url, { headers: { authorization: `Bearer ${tokens.viewer}` } });
  return ((await response.json()) as { nextSeq: number }).nextSeq;
}

function warehouse({ bigquery: { projectId, dataset, apiEndpoint, grpcEndpoint } }: Stack) {
  return createBigQuery({ project: projectId, dataset, location: 'US', apiEndpoint, grpcEndpoint });
}

/** An order that another shop system might place: a known customer buys a known product of a known vendor again. */
async function foreignOrder(kafka: Kafka): Promise<{ key: Buffer; order: OrderBody; headers: Record<string, string> }> {
  const placed = await anyPlacedOrder(kafka);
  const time = new Date().toISOString();
  const order: OrderBody = {
    ...(JSON.parse(placed.value?.toString() ?? '') as OrderBody),
    event_id: randomUUID(),
    occurred_at: time,
    order_placed_at: time,
    order_id: randomUUID().replaceAll('-', '').repeat(2),
    order_rating: null,
  };
  const { event_id: id, event_type: type } = order;
  return {
    key: placed.key ?? Buffer.alloc(0),
    order,
    headers: envelopeHeaders({ id, type, source: 'another-shop', time }),
  };
}

async function anyPlacedOrder(kafka: Kafka): Promise<KafkaRecord> {
  for (let partition = 0; partition < PARTITIONS; partition++) {
    let found: KafkaRecord | undefined;
    const range = { topic: validatedTopic('orders'), partition, from: 'beginning', until: 'end' } as const;
    await readPartition(kafka, range, (batch) => {
      found ??= batch.records.find(({ headers }) => headers[CE.type]?.toString() === 'order.placed');
    });
    if (found !== undefined) return found;
  }
  throw new Error('no order.placed among the validated orders');
}

async function produce(kafka: Kafka, key: Buffer, value: string, headers: Record<string, string>): Promise<void> {
  const producer = new RecordProducer(kafka, { maxRequestBytes: 1_000_000 });
  await producer.connect();
  await producer.send([{ topic: RAW_ORDERS, partition: partitionFor(key), key, value: Buffer.from(value), headers }]);
  await producer.disconnect();
}
