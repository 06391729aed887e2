import { hash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { FAMILIES, rawTopic, SIMULATION_ID_HEADER, TOPICS } from '@orderstream/contracts';
import { createKafka, ensureTopics, fetchEndOffsets, type KafkaRecord, readPartition } from '@orderstream/kafka';
import { computeRecordsSince } from '@orderstream/ledger';
import { useContractTopicsAlone } from '../../../test/support/contract-topics';
import { BROKERS, GeneratorProcess, positionOf } from './generator-process';

const kafka = createKafka({ brokers: BROKERS.split(','), clientId: 'order-generator-int-spec' });
const RAW = FAMILIES.map(rawTopic);
const KILLS = 10;

/** What generators have added to the raw topics since these ends. Other tests write to the same topics. */
async function recordsSince(ends: ReadonlyMap<string, readonly number[]>): Promise<KafkaRecord[]> {
  const found: KafkaRecord[] = [];
  for (const [topic, from] of ends) {
    for (const [partition, end] of (await fetchEndOffsets(kafka, topic)).entries()) {
      const start = from[partition] ?? 0;
      if (start >= end) continue;
      await readPartition(kafka, { topic, partition, from: start, until: end }, ({ records }) => {
        found.push(...records.filter(({ headers }) => headers[SIMULATION_ID_HEADER] !== undefined));
      });
    }
  }
  return found;
}

describe('the emission to Kafka', () => {
  useContractTopicsAlone(BROKERS);
  let directory: string;
  let ends: Map<string, readonly number[]>;
  const running: GeneratorProcess[] = [];

  beforeAll(async () => {
    await ensureTopics(
      kafka,
      TOPICS.filter(({ name }) => RAW.includes(name)),
      { replication: 1 },
    );
  }, 30_000);
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'orderstream-journal-'));
    ends = new Map();
    for (const topic of RAW) ends.set(topic, await fetchEndOffsets(kafka, topic));
  });
  afterEach(async () => {
    for (const each of running.splice(0)) await each.end('SIGKILL');
    rmSync(directory, { recursive: true });
  });

  const start = (settings: NodeJS.ProcessEnv): GeneratorProcess => {
    const started = new GeneratorProcess(directory, { GENERATOR_DEFECT_RATE: '0.1', ...settings });
    running.push(started);
    return started;
  };
  const end = async (generator: GeneratorProcess, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> => {
    running.splice(running.indexOf(generator), 1);
    await generator.end(signal);
  };

  /** The topics hold exactly what the journal's segments say; a record more often only where it was sent again. */
  async function expectComputed(): Promise<{ records: number; copies: number }> {
    const expected = computeRecordsSince(directory, 0);
    const wrong: string[] = [];
    const copies = new Map<string, number>();
    const records = await recordsSince(ends);
    for (const record of records) {
      const id = String(record.headers[SIMULATION_ID_HEADER]);
      const meant = expected.find(id);
      if (meant?.topic !== record.topic || meant.partition !== record.partition) wrong.push(`${id} is not expected`);
      else if (meant.sha256 !== hash('sha256', record.value ?? Buffer.alloc(0))) wrong.push(`${id} has other bytes`);
      copies.set(id, (copies.get(id) ?? 0) + 1);
    }
    for (const { id, isAcknowledged, maxCopies } of expected.all()) {
      const count = copies.get(id) ?? 0;
      if (!isAcknowledged) wrong.push(`${id} is not acknowledged`);
      if (count === 0) wrong.push(`${id} is missing`);
      if (count > maxCopies) wrong.push(`${id} is there ${count} times`);
    }
    expect(wrong.slice(0, 10)).toEqual([]);
    return { records: expected.count, copies: records.length - expected.count };
  }

  it('sends exactly the computed records although it is killed and resumed ten times', async () => {
    const settings = { GENERATOR_RATE: '2000' };
    let reached = 0;
    for (let kill = 1; kill <= KILLS; kill++) {
      const generator = start(settings);
      await generator.acknowledged(reached + 300 + 150 * kill);
      // The position is written once a second. Each kill comes at another time after it, when more has been sent.
      await delay(50 * kill);
      await end(generator, 'SIGKILL');
      reached = positionOf(directory).acknowledged;
    }
    const last = start(settings);
    await last.acknowledged(reached + 3_000);
    await end(last, 'SIGTERM');
    const { acknowledged, reserved } = positionOf(directory);
    expect(acknowledged).toBe(reserved);
    const { records, copies } = await expectComputed();
    expect(records).toBe(reserved);
    expect(copies).toBeGreaterThan(0);
  }, 240_000);

  it('emits N events behind the announcement of the catalog without a rate limit, and continues at the next start', async () => {
    const settings = { GENERATOR_RATE: '0', GENERATOR_MAX_EVENTS: '3000' };
    const first = start(settings);
    await first.acknowledged(3_000);
    await end(first, 'SIGTERM');
    const second = start(settings);
    await second.acknowledged(6_000);
    await end(second, 'SIGTERM');
    const { records, copies } = await expectComputed();
    expect(records).toBeGreaterThan(6_000);
    expect(copies).toBe(0);
    for (const { timestamp, headers } of await recordsSince(ends)) {
      // Further records of an event may have a defect.
      if (!String(headers[SIMULATION_ID_HEADER]).endsWith('.0')) continue;
      expect(Date.parse(String(headers.ce_time))).toBeLessThanOrEqual(timestamp);
    }
  }, 120_000);
});
