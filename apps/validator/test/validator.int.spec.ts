import { createHash, randomUUID } from 'node:crypto';
import { deadLetterTopic, MAX_RECORD_BYTES, rawTopic, TOPICS, validatedTopic } from '@orderstream/contracts';
import { parseDeadLetter } from '@orderstream/dead-letters';
import { waitUntil } from '@orderstream/deadlines';
import { checkTimestampTypes, type KafkaRecord, type OutputRecord } from '@orderstream/kafka';
import { useContractTopicsAlone } from '../../../test/support/contract-topics';
import { catalog } from './catalog.suite';
import { catalogWait } from './catalog-wait.suite';
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
import { arrival, DEAD, log, RAW, start, stop, stopAll, TEST_MS, VALIDATED, WAIT_MS, withId } from './families';
import { forgetCustomer } from './forget-customer.suite';
import { BROKERS, header } from './log';
import { pause } from './pause.suite';
import { RunningValidator } from './running-validator';
import { runTimeSettings } from './run-time-settings.suite';
import { unreadableState } from './unreadable-state.suite';

useContractTopicsAlone(BROKERS);
beforeAll(async () => {
  await log.start(
    [RAW, VALIDATED, DEAD].flatMap((topic) => [
      topic,
      topic.replace('.orders.', '.interactions.'),
      topic.replace('.orders.', '.catalog.'),
    ]),
  );
}, TEST_MS);
afterEach(stopAll, TEST_MS);
afterAll(async () => {
  await log.stop();
}, TEST_MS);

/** Ids of the records that are of these events, in the order of the records. */
const idsOf = (records: readonly KafkaRecord[], bodies: readonly Body[]): unknown[] => {
  const ids = new Set(bodies.map(({ event_id }) => event_id));
  return records.map((record) => header(record, 'ce_id')).filter((id) => ids.has(id));
};

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

// jest runs spec files in parallel. These suites need the same topics and groups for themselves, so this file runs
// them one after the other.
describe('a partition whose state cannot be read', unreadableState);
describe('an order whose vendor and product the catalog does not know yet', catalogWait);
describe('the catalog', catalog);
describe('what operators change at run time', runTimeSettings);
describe('a pause', pause);
describe('the erasure of a customer from the state', forgetCustomer);
