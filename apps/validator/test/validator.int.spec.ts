import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  CATALOG_VERSIONS_TOPIC,
  deadLetterTopic,
  MAX_RECORD_BYTES,
  rawTopic,
  TOPICS,
  validatedTopic,
} from '@orderstream/contracts';
import { parseDeadLetter } from '@orderstream/dead-letters';
import { checkTimestampTypes, type KafkaRecord, type OutputRecord, partitionFor } from '@orderstream/kafka';
import { everyStep } from '../../../test/support/every-step';
import {
  type Body,
  customerIn,
  newShop,
  orderPaid,
  orderPlaced,
  orderShipped,
  productListed,
  rawRecord,
  sessionStarted,
  vendorOnboarded,
} from './events';
import { rebuildCommand } from '../src/rebuild/rebuild-command';
import { BROKERS, header, TestLog, unreadable } from './log';
import { RunningValidator } from './running-validator';
import { ValidatorRuns } from './validator-runs';
import { waitUntil } from '@orderstream/deadlines';

const FAMILIES = { VALIDATOR_FAMILIES: 'orders,catalog,interactions' };
const WAIT_MS = 30_000;
const TEST_MS = 90_000;
const RAW = rawTopic('orders');
const VALIDATED = validatedTopic('orders');
const DEAD = deadLetterTopic(RAW, 'validator');

const log = new TestLog();
/** Also the validators that have not started yet when a test fails. */
const starts: Promise<RunningValidator>[] = [];
async function start(env: Readonly<Record<string, string>> = {}): Promise<RunningValidator> {
  const starting = RunningValidator.start({ ...FAMILIES, ...env });
  starts.push(starting);
  return starting;
}
async function stop(validator: RunningValidator): Promise<void> {
  expect(await validator.stop()).toBe(0);
}

beforeAll(async () => {
  await log.start(
    [RAW, VALIDATED, DEAD].flatMap((topic) => [
      topic,
      topic.replace('.orders.', '.interactions.'),
      topic.replace('.orders.', '.catalog.'),
    ]),
  );
}, TEST_MS);
afterEach(async () => {
  const started = await Promise.allSettled(starts.splice(0));
  await everyStep(
    ...started.map((one) => async () => {
      if (one.status === 'fulfilled') await stop(one.value);
    }),
  );
}, TEST_MS);
afterAll(async () => {
  await log.stop();
}, TEST_MS);

const withId = (records: readonly KafkaRecord[], body: Body): KafkaRecord[] =>
  records.filter((record) => header(record, 'ce_id') === body.event_id);

/** Ids of the records that are of these events, in the order of the records. */
const idsOf = (records: readonly KafkaRecord[], bodies: readonly Body[]): unknown[] => {
  const ids = new Set(bodies.map(({ event_id }) => event_id));
  return records.map((record) => header(record, 'ce_id')).filter((id) => ids.has(id));
};

/** The first record with this body's id, once the topic has it. */
const arrival = (topic: string, body: Body): Promise<KafkaRecord> =>
  waitUntil(async () => withId(await log.read(topic), body)[0], {
    what: `${String(body.event_id)} in ${topic}`,
    deadlineMs: WAIT_MS,
  });

const digest = (bytes: Buffer | null): string | null =>
  bytes === null ? null : createHash('sha256').update(bytes).digest('hex');

describe('validator on a broker', () => {
  it(
    'gives each record its verdict, and knows after a restart which events it accepted',
    async () => {
      const shop = newShop();
      const customer = customerIn(2);
      const order = orderPlaced(shop, customer);
      const paid = orderPaid(order);
      const twin: Body = { ...orderPlaced(shop, customer), order_placed_at: order.order_placed_at };
      const drifted = orderPlaced(shop, customer, {
        order_placed_at: '2026-01-01T00:00:00.000Z',
        item_name: 'Disk lamp',
        customer_registered_at: '2025-02-02T00:00:00.000Z',
      });
      const future = orderPlaced(shop, customer, { occurred_at: '2190-01-01T00:00:00.000Z' });
      const stranger = orderPlaced({ ...shop, item_sku: randomUUID() }, customer, {
        order_placed_at: '2026-01-02T00:00:00.000Z',
      });

      // The catalog's events are sent first, but are not validated yet when the orders are read.
      await log.send(rawRecord(vendorOnboarded(shop)), rawRecord(productListed(shop)));
      const orderRecord = rawRecord(order, {
        headers: { ...rawRecord(order).headers, 'dlq-attempt': '1', 'quality-flags': 'forged', custom: 'header' },
      });
      await log.send(orderRecord, ...[paid, twin, drifted, future, stranger, order].map((body) => rawRecord(body)));
      const first = await start();
      await waitUntil(
        async () => {
          const { partitions } = await first.status();
          const letters = await log.read(DEAD);
          return withId(letters, stranger).length > 0 && partitions.every(({ lag }) => lag === 0);
        },
        { what: 'the last order to be evaluated', deadlineMs: WAIT_MS },
      );
      const before = await first.accounting('orders');
      const outcomes = before.accepted + before.repaired + before.skipped + before.deadLettered + before.passedOver;
      expect(outcomes).toBe(before.input);

      const accepted = await arrival(VALIDATED, order);
      const raw = withId(await log.read(RAW), order)[0];
      expect(accepted.value?.equals(orderRecord.value ?? Buffer.alloc(0))).toBe(true);
      expect(accepted.key?.toString()).toBe(customer);
      expect(accepted.partition).toBe(2);
      expect(accepted.timestamp).toBe(raw?.timestamp);
      expect(header(accepted, 'custom')).toBe('header');
      expect(header(accepted, 'quality-flags')).toBeUndefined();
      expect(header(accepted, 'dlq-attempt')).toBeUndefined();
      expect(header(accepted, 'quality-settings')).toMatch(/^[0-9a-f]{12}$/);
      expect(JSON.parse(header(accepted, 'quality-catalog-position') ?? '')).toHaveLength(6);

      const repaired = await arrival(VALIDATED, drifted);
      expect(header(repaired, 'quality-flags')).toBe('drift.product,drift.customer');
      expect(JSON.parse(repaired.value?.toString() ?? '')).toEqual({
        ...drifted,
        item_name: 'Desk lamp',
        customer_registered_at: '2025-01-01T00:00:00.000Z',
      });
      const letters = await log.read(DEAD);
      const reasonOf = (body: Body): unknown[] => withId(letters, body).map((record) => header(record, 'dlq-reason'));
      expect(reasonOf(twin)).toEqual(['duplicate.order']);
      expect(reasonOf(future)).toEqual(['time.in_future']);
      expect(reasonOf(stranger)).toEqual(['reference.unknown_product']);
      const sent = [order, paid, twin, drifted, future, stranger];
      expect(idsOf(await log.read(VALIDATED), sent)).toEqual([order, paid, drifted].map(({ event_id }) => event_id));
      expect(idsOf(letters, sent)).toEqual([twin, future, stranger].map(({ event_id }) => event_id));
      const metrics = (await first.get('/metrics')).text;
      expect(metrics).toMatch(/orderstream_records_total\{.*family="orders".*outcome="repaired".*\} \d/);
      expect(metrics).toMatch(/orderstream_rule_fired_total\{.*rule="duplicate.order",action="reject".*\} \d/);

      await stop(first);
      const second = await start();
      await second.ready();
      expect(await second.accounting('orders')).toEqual(before);
      const shippedTwice = orderShipped(order);
      const shippedAgain = orderShipped(order);
      await log.send(...[paid, shippedTwice, shippedAgain].map((body) => rawRecord(body)));
      await arrival(VALIDATED, shippedTwice);
      expect(header(await arrival(DEAD, shippedAgain), 'dlq-reason')).toBe('lifecycle.illegal_transition');
      expect(withId(await log.read(VALIDATED), paid)).toHaveLength(1);
      const after = await waitUntil(
        async () => {
          const accounts = await second.accounting('orders');
          return accounts.input === before.input + 3 && accounts;
        },
        { what: 'the accounts to count all records', deadlineMs: WAIT_MS },
      );
      expect(after.skipped).toBe(before.skipped + 1);
      expect(after.accepted).toBe(before.accepted + 1);
      expect(after.deadLettered).toBe(before.deadLettered + 1);
      await stop(second);
    },
    TEST_MS,
  );

  it(
    'makes one dead letter of each kind of bad input, with its bytes and a reason, and stops no partition',
    async () => {
      const customer = customerIn(4);
      const good = sessionStarted(customer);
      const json = JSON.stringify(good);
      const bytes = (value: Buffer | string | null): Partial<OutputRecord> => ({
        value: value === null ? null : Buffer.from(value),
      });
      const body = (fields: Body): Partial<OutputRecord> => bytes(JSON.stringify({ ...good, ...fields }));
      const occurredAt = (occurred_at: string): Partial<OutputRecord> => rawRecord({ ...good, occurred_at });
      let nested: unknown = 1;
      for (let level = 0; level < 1_000; level++) nested = { a: nested };
      const cases: [name: string, changes: Partial<OutputRecord>, code: string, path: string][] = [
        ['not JSON', bytes('hello'), 'structure.malformed_json', 'value'],
        ['truncated', bytes(json.slice(0, 40)), 'structure.malformed_json', 'value'],
        ['an array', bytes(`[${json}]`), 'structure.malformed_json', 'value'],
        ['nested 1,000 deep', body({ nested }), 'structure.invalid_field', 'nested'],
        ['2 MB', bytes(json + ' '.repeat(2 * MAX_RECORD_BYTES)), 'structure.too_large', 'value'],
        ['3 MB of braces', bytes('{'.repeat(3 * MAX_RECORD_BYTES)), 'structure.too_large', 'value'],
        ['3.9 MB', bytes(json + ' '.repeat(3.9 * MAX_RECORD_BYTES)), 'structure.too_large', 'value'],
        ['10 MB, compressed', bytes(json + ' '.repeat(10 * MAX_RECORD_BYTES)), 'structure.too_large', 'value'],
        ['invalid UTF-8', bytes(Buffer.from([0x7b, 0xff, 0x7d])), 'structure.malformed_json', 'value'],
        ['a lone surrogate', body({ device: '\ud83d' }), 'structure.malformed_json', 'value'],
        ['a number as a string', body({ session_id: 5 }), 'structure.invalid_field', 'session_id'],
        ['a missing field', body({ device: undefined }), 'structure.invalid_field', 'device'],
        ['an unknown field', body({ colour: 'red' }), 'structure.invalid_field', 'colour'],
        ['an unknown type', body({ event_type: 'session.dreamt' }), 'structure.unknown_type', 'event_type'],
        ['an unknown version', body({ event_type: 'session.started.v2' }), 'structure.unknown_type', 'event_type'],
        ['a tombstone', bytes(null), 'structure.malformed_json', 'value'],
        ['no key', { key: null }, 'structure.key_mismatch', 'key'],
        ['a wrong key', { key: Buffer.from(customerIn(4)) }, 'structure.key_mismatch', 'key'],
        ["a partition that is not the key's", { partition: 5 }, 'structure.key_mismatch', 'key'],
        [
          'huge headers',
          { headers: { ...rawRecord(good).headers, junk: 'x'.repeat(2_000_000) } },
          'structure.too_large',
          'headers',
        ],
        [
          '3,000 small headers',
          {
            headers: {
              ...rawRecord(good).headers,
              ...Object.fromEntries(Array.from({ length: 3_000 }, (_, index) => [`h${String(index)}`, 'value'])),
            },
          },
          'structure.too_large',
          'headers',
        ],
        ['a repeated name', bytes(`{"device":"app",${json.slice(1)}`), 'structure.malformed_json', 'value'],
        [
          'a source in quotes',
          { headers: { ...rawRecord(good).headers, ce_source: '"/shop"' } },
          'structure.envelope_mismatch',
          'ce_source',
        ],
        ['occurred in 1970', occurredAt('1970-01-01T00:00:00Z'), 'time.too_old', 'occurred_at'],
        ['no envelope', { headers: {} }, 'structure.envelope_mismatch', 'ce_id'],
        ['__proto__', bytes(`{"__proto__":{"a":1},${json.slice(1)}`), 'structure.invalid_field', '__proto__'],
      ];
      const validator = await start();
      const sent = cases.map(([name, changes], index) => {
        const record = rawRecord(good, changes);
        return {
          name,
          record: { ...record, headers: { ...record.headers, 'test-case': `${customer}-${String(index)}` } },
        };
      });
      await log.send(...sent.map(({ record }) => record), rawRecord(good));
      await arrival(validatedTopic('interactions'), good);
      const topic = deadLetterTopic(rawTopic('interactions'), 'validator');
      const letters = await waitUntil(
        async () => {
          const found = (await log.read(topic)).filter((one) => header(one, 'test-case')?.startsWith(customer));
          return found.length >= sent.length && found;
        },
        { what: 'a dead letter for each', deadlineMs: WAIT_MS },
      );
      const caseOf = (record: KafkaRecord): string | undefined => header(record, 'test-case');
      expect(letters.map(caseOf).sort()).toEqual(sent.map((_, index) => `${customer}-${String(index)}`).sort());
      const validated = await log.read(validatedTopic('interactions'));
      expect(validated.map(caseOf).filter((name) => name?.startsWith(customer))).toEqual([]);
      cases.forEach(([name, , code, path], index) => {
        const record = sent[index]?.record;
        const letter = letters.find((one) => header(one, 'test-case') === `${customer}-${String(index)}`);
        if (record === undefined || letter === undefined) throw new Error(`no dead letter for ${name}`);
        // By hash: a matcher compares megabytes byte by byte.
        expect([name, digest(letter.value)]).toEqual([name, digest(record.value)]);
        expect([name, digest(letter.key)]).toEqual([name, digest(record.key)]);
        const parsed = parseDeadLetter(letter);
        expect({ name, reason: parsed.reason }).toEqual({ name, reason: code });
        expect(JSON.parse(header(letter, 'dlq-detail') ?? '')).toContainEqual(expect.objectContaining({ code, path }));
      });
      const { partitions } = await validator.status();
      expect(partitions.filter(({ state }) => state !== 'running')).toEqual([]);
      await stop(validator);
    },
    TEST_MS,
  );

  it(
    'accepts a record whose optional headers are null, also one of a repeated header',
    async () => {
      const plain = sessionStarted(customerIn(3));
      const repeated = sessionStarted(customerIn(3));
      const withHeaders = (body: Body, headers: Readonly<Record<string, unknown>>): OutputRecord =>
        rawRecord(body, { headers: { ...rawRecord(body).headers, ...headers } as OutputRecord['headers'] });
      await start();
      await log.send(
        withHeaders(plain, { traceparent: null, ce_time: null }),
        withHeaders(repeated, { baggage: [null, 'a=1'] }),
      );
      for (const body of [plain, repeated]) await arrival(validatedTopic('interactions'), body);
    },
    TEST_MS,
  );

  it(
    'does not start over a raw topic in which producers choose the times of their records',
    async () => {
      const topic = rawTopic('interactions');
      const env = { VALIDATOR_FAMILIES: 'interactions' };
      await stop(await start(env));
      await log.setTimestampType(topic, 'CreateTime');
      try {
        const failed: unknown = await checkTimestampTypes(
          log.kafka,
          TOPICS.filter(({ name }) => name === topic),
        ).catch((error: unknown) => error);
        expect(failed).toMatchObject({
          code: 'TOPIC_MISMATCH',
          message: expect.stringContaining(`${topic} is CreateTime, not LogAppendTime`) as string,
        });
        const validator = await RunningValidator.start(env);
        expect(await validator.stop()).toBe(1);
      } finally {
        await log.setTimestampType(topic, 'LogAppendTime');
      }
      await stop(await start(env));
    },
    TEST_MS,
  );

  it(
    'stops a partition that rejects too much, and loses and repeats no record when one resume lets a flood through',
    async () => {
      const customer = customerIn(1);
      const validator = await start({ BREAKER_WINDOW_RECORDS: '20', VALIDATOR_MAX_BATCH_RECORDS: '10' });
      await validator.ready();
      // 20 trip the breaker; 200 more pass without it.
      const badBodies = Array.from({ length: 220 }, () => sessionStarted(customer));
      const bad = badBodies.map((body) => rawRecord(body, { value: Buffer.from('bad') }));
      const good = sessionStarted(customer);
      await log.send(...bad, rawRecord(good));
      const stopped = await waitUntil(
        async () => (await validator.status()).partitions.find(({ state }) => state === 'stopped'),
        { what: 'the partition to stop', deadlineMs: WAIT_MS },
      );
      expect(stopped).toMatchObject({ topic: rawTopic('interactions'), partition: 1 });
      expect(stopped.error).toMatch(/of the last 20 records were rejected/);
      expect((await validator.get('/health/ready')).status).toBe(503);
      expect(withId(await log.read(validatedTopic('interactions')), good)).toHaveLength(0);
      expect(await validator.post('/admin/resume', { withoutBreakerRecords: 0 })).toBe(400);
      expect(await validator.post('/admin/resume', { withoutBreakerRecords: 250 })).toBeLessThan(300);
      await arrival(validatedTopic('interactions'), good);
      const left = (await validator.status()).partitions.find(
        ({ topic, partition }) => topic === rawTopic('interactions') && partition === 1,
      );
      expect(left?.withoutBreaker?.recordsLeft).toBeLessThan(250);
      const letters = await log.read(deadLetterTopic(rawTopic('interactions'), 'validator'));
      expect(idsOf(letters, badBodies)).toEqual(badBodies.map(({ event_id }) => event_id));
      await stop(validator);
    },
    TEST_MS,
  );

  it(
    'shares the partitions with a second instance, and validates each record once while it joins and the first leaves',
    async () => {
      const customers = [0, 1, 2, 3, 4, 5].map(customerIn);
      const sent: Body[] = [];
      const burst = async (): Promise<void> => {
        const bodies = Array.from({ length: 300 }, (_, index) => sessionStarted(customers[index % 6] ?? ''));
        sent.push(...bodies);
        await log.send(...bodies.map((body) => rawRecord(body)));
      };
      const share = async (validator: RunningValidator): Promise<number> =>
        (await validator.status()).partitions.filter(
          ({ topic, state }) => topic === rawTopic('interactions') && state === 'running',
        ).length;
      const first = await start();
      await first.ready();
      await waitUntil(async () => (await first.status()).partitions.every(({ lag }) => lag === 0), {
        what: 'the records of earlier tests to be evaluated',
        deadlineMs: WAIT_MS,
      });
      const before = await first.accounting('interactions');
      await burst();
      const second = await start();
      await burst();
      await waitUntil(async () => (await share(first)) === 3 && (await share(second)) === 3, {
        what: 'three partitions each',
        deadlineMs: WAIT_MS,
      });
      await burst();
      await stop(first);
      await burst();
      await waitUntil(async () => (await share(second)) === 6, {
        what: 'all partitions at the second instance',
        deadlineMs: WAIT_MS,
      });
      const after = await waitUntil(
        async () => {
          const accounts = await second.accounting('interactions');
          return accounts.input >= before.input + sent.length && accounts;
        },
        { what: 'every record to be evaluated', deadlineMs: WAIT_MS },
      );
      expect(after).toEqual({
        ...before,
        input: before.input + sent.length,
        accepted: before.accepted + sent.length,
      });
      const validated = await log.read(validatedTopic('interactions'));
      expect(idsOf(validated, sent).sort()).toEqual(sent.map(({ event_id }) => event_id).sort());
      expect(idsOf(await log.read(deadLetterTopic(rawTopic('interactions'), 'validator')), sent)).toEqual([]);
      for (const customer of customers) {
        const ofCustomer = sent.filter(({ customer_id }) => customer_id === customer);
        expect(idsOf(validated, ofCustomer)).toEqual(ofCustomer.map(({ event_id }) => event_id));
      }
      await stop(second);
    },
    TEST_MS,
  );
});

describe('a partition whose state cannot be read', () => {
  it(
    'stops without stopping others, and runs again once its state is rebuilt',
    async () => {
      const partition = 3;
      const shop = newShop();
      const order = orderPlaced(shop, customerIn(partition));
      const paid = orderPaid(order);
      await log.send(rawRecord(vendorOnboarded(shop)), rawRecord(productListed(shop)));
      await log.send(...[order, paid].map((body) => rawRecord(body)));
      const first = await start();
      await arrival(VALIDATED, paid);
      await stop(first);

      await log.send(unreadable('orders', partition, `lifecycle/${String(order.order_id)}`));
      const second = await start();
      const stopped = await waitUntil(
        async () => {
          const { partitions } = await second.status();
          const settled = partitions.length === 18 && partitions.every(({ state }) => state !== 'opening');
          return settled && partitions.filter(({ state }) => state !== 'running');
        },
        { what: 'every partition to be opened', deadlineMs: WAIT_MS },
      );
      expect(stopped).toMatchObject([{ topic: RAW, partition, state: 'stopped' }]);
      expect(stopped[0]?.error).toMatch(/its version is 99.*rebuild the state/s);
      expect((await second.get('/health/ready')).status).toBe(503);
      expect((await second.get('/metrics')).text).toMatch(/orderstream_partitions_stopped\{.*orders.*\} 1/);
      const elsewhere = orderPlaced(shop, customerIn(2));
      await log.send(rawRecord(elsewhere));
      await arrival(VALIDATED, elsewhere);

      const env = { KAFKA_BROKERS: BROKERS };
      expect(await rebuildCommand(['--family', 'orders', '--partition', 'six'], env)).toBe(2);
      expect(await rebuildCommand(['--family', 'orders', '--partition', String(partition)], env)).toBe(0);
      expect(await second.post('/admin/resume')).toBeLessThan(300);
      await second.ready();
      const metrics = (await second.get('/metrics')).text;
      expect(metrics).toMatch(/orderstream_restore_seconds_count\{.*family="orders".*\} 6/);
      expect(metrics).toMatch(/orderstream_restore_records_total\{.*family="orders".*\} [1-9]/);
      expect(metrics).toMatch(
        /orderstream_effective_window_seconds\{.*family="orders",kind="lifecycles",partition="3".*\} \d/,
      );
      const shipped = orderShipped(order);
      await log.send(...[paid, shipped].map((body) => rawRecord(body)));
      await arrival(VALIDATED, shipped);
      expect(withId(await log.read(VALIDATED), paid)).toHaveLength(1);
      await stop(second);
    },
    TEST_MS,
  );
});

describe('an order whose vendor and product the catalog does not know yet', () => {
  const runs = new ValidatorRuns(log, 'orders');
  afterEach(() => runs.stop(), TEST_MS);

  it(
    'waits, does not hold its partition when the catalog makes no progress, and is accepted by a new owner once known',
    async () => {
      const partition = 5;
      const known = newShop();
      const late = newShop();
      const catalog = [vendorOnboarded(known), productListed(known)];
      await log.send(...catalog.map((body) => rawRecord(body)));
      const early = await start({ VALIDATOR_FAMILIES: 'catalog' });
      for (const body of catalog) await arrival(validatedTopic('catalog'), body);
      const settled = runs.catalog(WAIT_MS);
      const before = runs.validator(partition, { catalog: settled });
      await runs.runToEnd(before, partition);
      await before.close();
      await settled.stop();
      await stop(early);

      // Without a validator of the catalog the shop stays unknown.
      await log.send(rawRecord(vendorOnboarded(late)), rawRecord(productListed(late)));
      const ids = async (): Promise<unknown[]> =>
        (await log.readPartition(VALIDATED, partition)).map((one) => header(one, 'ce_id'));
      const send = (...bodies: Body[]): Promise<void> => log.send(...bodies.map((body) => rawRecord(body)));
      const soon = orderPlaced(known, customerIn(partition));
      const unknown = orderPlaced(late, customerIn(partition));
      const contradicted = orderPlaced(known, customerIn(partition), { item_name: 'Lava lamp' });
      const predecessor = orderPlaced(known, customerIn(partition));
      await send(soon, unknown, contradicted, predecessor);
      const briefCatalog = runs.catalog(300);
      const first = runs.validator(partition, { catalog: briefCatalog });
      expect(await runs.runToEnd(first, partition, 1)).toEqual([{ kind: 'ack' }]);
      await first.close();
      await briefCatalog.stop();
      expect((await ids()).slice(-3)).toEqual([soon, contradicted, predecessor].map(({ event_id }) => event_id));
      const letter = await arrival(DEAD, unknown);
      expect(JSON.parse(header(letter, 'dlq-detail') ?? '')).toContainEqual({
        code: 'reference.unknown_vendor',
        path: 'vendor_id',
        constraint: 'catalogBehind',
      });
      const flagged = await arrival(VALIDATED, contradicted);
      expect(header(flagged, 'quality-flags')).toBe('drift.product');
      expect(JSON.parse(String(flagged.value))).toEqual(contradicted);

      // The replay of the dead letter is evaluated by what is known then.
      const order = unknown;
      const successor = orderPlaced(known, customerIn(partition));
      await send(order, successor);
      const suspendedCatalog = runs.catalog(WAIT_MS);
      const suspension = runs.suspendAt('waiting');
      const suspended = runs.validator(partition, { catalog: suspendedCatalog, faults: suspension.faults });
      const zombie = runs.runToEnd(suspended, partition);
      await suspension.suspended;

      const longCatalog = runs.catalog(WAIT_MS);
      const waiting = Promise.withResolvers<undefined>();
      const next = runs.validator(partition, {
        catalog: longCatalog,
        faults: {
          reached: (point) => {
            if (point === 'waiting') waiting.resolve(undefined);
          },
        },
      });
      let isDone = false;
      const done = runs.runToEnd(next, partition).finally(() => (isDone = true));
      await waiting.promise;
      expect(isDone).toBe(false);
      const catalogValidator = await start({ VALIDATOR_FAMILIES: 'catalog' });
      expect(await done).toEqual([{ kind: 'ack' }]);
      expect((await ids()).slice(-3)).toEqual([predecessor, order, successor].map(({ event_id }) => event_id));
      expect(withId(await log.read(DEAD), order)).toHaveLength(1);
      // It was evaluated by a catalog that holds both events of its shop.
      const evaluatedBy = JSON.parse(
        header(await arrival(VALIDATED, order), 'quality-catalog-position') ?? '[]',
      ) as number[];
      const announced = (await log.read(rawTopic('catalog'))).filter(
        ({ key }) => key?.toString() === late.vendor_id || key?.toString() === late.item_sku,
      );
      expect(announced).toHaveLength(2);
      for (const one of announced) expect(evaluatedBy[one.partition]).toBeGreaterThan(one.offset);

      await next.close();
      suspension.resume();
      await zombie;
      await suspended.close();
      expect((await ids()).slice(-3)).toEqual([predecessor, order, successor].map(({ event_id }) => event_id));
      await Promise.all([suspendedCatalog.stop(), longCatalog.stop()]);
      await stop(catalogValidator);
    },
    TEST_MS,
  );

  it(
    'waits for what stands behind an open transaction in the raw catalog',
    async () => {
      const partition = 5;
      const shop = newShop();
      const topic = rawTopic('catalog');
      const producer = log.kafka.producer({ transactionalId: `open-${randomUUID()}`, maxInFlightRequests: 1 });
      await producer.connect();
      const transaction = await producer.transaction();
      await transaction.send({ topic, messages: [{ value: 'aborted', partition: partitionFor(shop.vendor_id) }] });
      const catalogValidator = await start({ VALIDATOR_FAMILIES: 'catalog' });
      await log.send(rawRecord(vendorOnboarded(shop)), rawRecord(productListed(shop)));
      await log.send(rawRecord(orderPlaced(shop, customerIn(partition))));

      const catalog = runs.catalog(WAIT_MS);
      const validator = runs.validator(partition, { catalog });
      let isDone = false;
      const done = runs.runToEnd(validator, partition).finally(() => (isDone = true));
      await delay(2_000);
      expect(isDone).toBe(false);
      await transaction.abort();
      await done;
      const [last] = (await log.readPartition(VALIDATED, partition)).slice(-1);
      expect(JSON.parse(String(last?.value))).toMatchObject({ vendor_id: shop.vendor_id });
      await validator.close();
      await catalog.stop();
      await producer.disconnect();
      await stop(catalogValidator);
    },
    TEST_MS,
  );
});

describe('the catalog', () => {
  const env = { KAFKA_BROKERS: BROKERS };

  it(
    'is rebuilt from the log after its topic was deleted, and no order is rejected meanwhile',
    async () => {
      const shop = newShop();
      await log.send(rawRecord(vendorOnboarded(shop)), rawRecord(productListed(shop)));
      const before = orderPlaced(shop, customerIn(1));
      await log.send(rawRecord(before));
      const first = await start();
      await arrival(VALIDATED, before);
      await stop(first);
      await log.deleteTopic(CATALOG_VERSIONS_TOPIC);

      const second = await start();
      const order = orderPlaced(shop, customerIn(1));
      await log.send(rawRecord(order));
      const { partitions } = await waitUntil(
        async () => {
          const status = await second.status();
          const catalog = status.partitions.filter(({ topic }) => topic === rawTopic('catalog'));
          const orders = status.partitions.filter(({ topic }) => topic === RAW);
          const isSeen =
            catalog.length === 6 &&
            catalog.every(({ state }) => state === 'stopped' || state === 'running') &&
            orders.length === 6 &&
            orders.every(({ state }) => state === 'retrying');
          return isSeen && status;
        },
        { what: 'the catalog to stop and the orders to wait', deadlineMs: WAIT_MS },
      );
      const stopped = partitions.filter(({ state }) => state === 'stopped');
      expect(stopped.length).toBeGreaterThan(0);
      for (const { topic, partition, error } of partitions) {
        if (topic === RAW) expect(error).toMatch(/rebuild-state -- --family catalog/);
        else if (
          topic === rawTopic('catalog') &&
          stopped.some((one) => one.topic === topic && one.partition === partition)
        )
          expect(error).toContain(`rebuild-state -- --family catalog --partition ${String(partition)}`);
      }
      for (const { partition } of stopped) {
        expect(await rebuildCommand(['--family', 'catalog', '--partition', String(partition)], env)).toBe(0);
      }
      expect(await second.post('/admin/resume')).toBeLessThan(300);
      await second.ready();
      await arrival(VALIDATED, order);
      expect(withId(await log.read(DEAD), order)).toEqual([]);
      // Nothing of the log was missing, so an unknown product is proven to be unknown.
      const stranger = orderPlaced({ ...shop, item_sku: randomUUID() }, customerIn(1));
      await log.send(rawRecord(stranger));
      expect(header(await arrival(DEAD, stranger), 'dlq-reason')).toBe('reference.unknown_product');
      await stop(second);
    },
    TEST_MS,
  );

  it(
    'is known after a restart though the log of its events has expired: of each order, the version of its time',
    async () => {
      const shop = newShop();
      const DAY_MS = 86_400_000;
      const daysAgo = (days: number): string => new Date(Date.now() - days * DAY_MS).toISOString();
      const renamed: Body = {
        ...productListed(shop),
        event_type: 'product.updated',
        occurred_at: daysAgo(20),
        item_name: 'Floor lamp',
      };
      const announced: Body[] = [
        { ...vendorOnboarded(shop), occurred_at: daysAgo(60) },
        { ...productListed(shop), occurred_at: daysAgo(60) },
        renamed,
      ];
      await log.send(...announced.map((body) => rawRecord(body)));
      const first = await start();
      for (const body of announced) await arrival(validatedTopic('catalog'), body);
      await stop(first);
      await log.expire(validatedTopic('catalog'));
      await log.expire(rawTopic('catalog'));

      const second = await start();
      const before = orderPlaced(shop, customerIn(4), { occurred_at: daysAgo(30), order_placed_at: daysAgo(30) });
      const after = orderPlaced(shop, customerIn(4), { item_name: 'Floor lamp' });
      await log.send(rawRecord(before), rawRecord(after));
      await arrival(VALIDATED, after);
      // time.too_late by its age alone: its name is the one of its time.
      expect(header(await arrival(VALIDATED, before), 'quality-flags')).toBe('time.too_late');
      expect(header(await arrival(VALIDATED, after), 'quality-flags')).toBeUndefined();
      await stop(second);
    },
    TEST_MS,
  );
});
