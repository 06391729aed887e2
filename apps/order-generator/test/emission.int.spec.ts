import { createHash, randomBytes } from 'node:crypto';
import { appendFileSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  FAMILIES,
  type Family,
  type LedgerIntent,
  type LedgerLine,
  parseLedgerLine,
  rawTopic,
  TOPICS,
  type TopicSpec,
} from '@orderstream/contracts';
import {
  createKafka,
  ensureTopics,
  fetchEndOffsets,
  type KafkaRecord,
  type OutputRecord,
  ProduceFailedError,
  readPartition,
  RecordProducer,
} from '@orderstream/kafka';
import { Ledger, type LedgerOptions } from '../src/ledger/ledger';
import { createPools } from '../src/simulation/pools';
import { STEADY_TRADE } from '../src/simulation/scenarios/steady-trade';
import { Sequence } from '../src/simulation/sequence';
import { SYSTEM_CLOCK } from '../src/emission/clock';
import { Emitter, type EmitterSettings } from '../src/emission/emitter';
import { type Sender } from '../src/emission/pipeline';

const brokers = (process.env.TEST_KAFKA_BROKERS ?? '127.0.0.1:29092').split(',');
const kafka = createKafka({ brokers, clientId: 'order-generator-int-spec' });
const POOLS = createPools(1);

/** Topics and a ledger directory. */
class Place {
  readonly directory = mkdtempSync(join(tmpdir(), 'orderstream-ledger-'));
  private readonly prefix = `generator-spec-${randomBytes(4).toString('hex')}`;
  readonly topicOf = (family: Family): string => `${this.prefix}.${rawTopic(family)}`;

  async create(): Promise<void> {
    const specs = FAMILIES.map((family): TopicSpec => {
      const spec = TOPICS.find(({ name }) => name === rawTopic(family));
      if (spec === undefined) throw new Error(`no topic of ${family}`);
      return { ...spec, name: this.topicOf(family) };
    });
    await ensureTopics(kafka, specs, { replication: 1 });
  }

  async remove(): Promise<void> {
    rmSync(this.directory, { recursive: true });
    const admin = kafka.admin();
    await admin.connect();
    await admin.deleteTopics({ topics: FAMILIES.map(this.topicOf) });
    await admin.disconnect();
  }

  open(options: Partial<LedgerOptions> = {}): Promise<Ledger> {
    return Ledger.open({
      directory: this.directory,
      seed: 1,
      maxBytes: 1e9,
      topicOf: this.topicOf,
      build: (identity, start) => new Sequence(identity, POOLS, STEADY_TRADE, start),
      topicsUntouched: async () => {
        const ends = await Promise.all(FAMILIES.map((family) => fetchEndOffsets(kafka, this.topicOf(family))));
        return ends.flat().every((end) => end === 0);
      },
      ...options,
    });
  }

  lines(): LedgerLine[] {
    return readdirSync(this.directory)
      .filter((name) => name.endsWith('.ndjson'))
      .sort()
      .flatMap((name) => readFileSync(join(this.directory, name), 'utf8').trimEnd().split('\n'))
      .map(parseLedgerLine);
  }

  intents(): LedgerIntent[] {
    return this.lines().flatMap((line) => (line.kind === 'intents' ? line.intents : []));
  }

  /** Coordinates of all acknowledged records. */
  acked(): Set<string> {
    return new Set(
      this.lines().flatMap((line) =>
        line.kind === 'acks'
          ? line.acks.flatMap(({ topic, partition, baseOffset, count }) =>
              Array.from({ length: count }, (_, i) => [topic, partition, baseOffset + i].join('/')),
            )
          : [],
      ),
    );
  }

  async records(): Promise<KafkaRecord[]> {
    const found: KafkaRecord[] = [];
    for (const family of FAMILIES) {
      const topic = this.topicOf(family);
      for (const [partition, end] of (await fetchEndOffsets(kafka, topic)).entries()) {
        await readPartition(kafka, { topic, partition, from: 'beginning', until: end }, ({ records }) => {
          found.push(...records);
        });
      }
    }
    return found;
  }
}

const SETTINGS: EmitterSettings = {
  maxEvents: 2_000,
  nominalRate: 50,
  maxPastMs: 48 * 3_600_000,
  defectRate: 0.1,
  maxBatchRecords: 150,
  maxBatchBytes: 2_000_000,
  maxBatchesInFlight: 3,
  lingerMs: 20,
  checkpointEvery: 500,
};

async function run(ledger: Ledger, sender: Sender, settings: Partial<EmitterSettings> = {}): Promise<Emitter> {
  const emitter = new Emitter(ledger, sender, SYSTEM_CLOCK, { ...SETTINGS, ...settings }, 0);
  emitter.start();
  await emitter.idle();
  return emitter;
}

const seqOf = ({ headers }: KafkaRecord): number => Number(String(headers['ledger-seq']));
const placeOf = ({ topic, partition, offset }: KafkaRecord): string => [topic, partition, offset].join('/');

/** Every record in the topics has the topic, partition and hash of its intent, and none is there twice. */
function expectIntended(records: readonly KafkaRecord[], intents: readonly LedgerIntent[]): void {
  const bySeq = new Map(intents.map((intent) => [intent.seq, intent]));
  expect(bySeq.size).toBe(intents.length);
  expect(new Set(records.map(seqOf)).size).toBe(records.length);
  const wrong = records.filter((record) => {
    const intent = bySeq.get(seqOf(record));
    const sha256 = createHash('sha256')
      .update(record.value ?? Buffer.alloc(0))
      .digest('hex');
    return intent?.topic !== record.topic || intent.partition !== record.partition || intent.sha256 !== sha256;
  });
  expect(wrong).toEqual([]);
}

const place = new Place();
const producer = new RecordProducer(kafka, { maxRequestBytes: 3_500_000 });

beforeAll(async () => {
  await place.create();
  await producer.connect();
}, 30_000);

afterAll(async () => {
  await producer.disconnect();
  await place.remove();
}, 30_000);

describe('the emission to Kafka', () => {
  it('sends every record once, with the bytes in the ledger, and continues after the last one at the next start', async () => {
    const first = await place.open();
    expect(first.sequence.identity).toEqual({ marketplaceId: 'g-1', seed: 1 });
    expect((await run(first, producer)).run).toMatchObject({ firstSeq: 0, generated: 2_000, acked: 2_000 });
    first.close();
    const second = await place.open();
    expect(second.sequence.nextSeq).toBe(2_000);
    expect((await run(second, producer)).run).toMatchObject({ firstSeq: 2_000, generated: 2_000, acked: 2_000 });
    second.close();

    const records = await place.records();
    expectIntended(records, place.intents());
    expect(records.map(seqOf).sort((a, b) => a - b)).toEqual(Array.from({ length: 4_000 }, (_, seq) => seq));
    expect(place.acked()).toEqual(new Set(records.map(placeOf)));
    const defects = new Map(place.intents().map(({ seq, defect }) => [seq, defect]));
    const inFuture = records.filter(({ headers, timestamp }) => Date.parse(String(headers.ce_time)) > timestamp);
    expect(new Set(inFuture.map((record) => defects.get(seqOf(record))))).toEqual(new Set(['time.in_future']));
  }, 60_000);

  it('continues after the intents of a batch that was killed before its acks, and uses no sequence number again', async () => {
    const before = place.intents().length;
    const ledger = await place.open();
    let sends = 0;
    // Half of the fifth request arrives, and the process dies before the acknowledgement.
    const killed = new Promise<void>((resolve) => {
      const sender: Sender = {
        send: async (records) => {
          if (++sends < 5) return producer.send(records);
          if (sends === 5) await producer.send(records.slice(0, records.length >> 1));
          resolve();
          return new Promise(() => undefined);
        },
      };
      new Emitter(ledger, sender, SYSTEM_CLOCK, SETTINGS, 0).start();
    });
    await killed;
    // A kill leaves an incomplete last line and the lock of a process that is gone.
    const left = mkdtempSync(join(tmpdir(), 'orderstream-ledger-'));
    cpSync(place.directory, left, { recursive: true });
    ledger.close();
    rmSync(place.directory, { recursive: true });
    cpSync(left, place.directory, { recursive: true });
    rmSync(left, { recursive: true });
    const lastFile =
      readdirSync(place.directory)
        .filter((name) => name.endsWith('.ndjson'))
        .sort()
        .at(-1) ?? '';
    const intended = place.intents().length;
    appendFileSync(join(place.directory, lastFile), '{"kind":"intents","run":"g-0');
    writeFileSync(join(place.directory, 'lock'), JSON.stringify({ pid: process.pid, startedAt: 'an earlier start' }));

    const next = await place.open();
    expect(next.sequence.identity).toEqual({ marketplaceId: 'g-1', seed: 1 });
    expect(next.sequence.nextSeq).toBe(intended);
    expect(next.unknownFrom).toBeGreaterThanOrEqual(before);
    expect(next.unknownFrom).toBeLessThan(intended);
    expect((await run(next, producer)).run).toMatchObject({ firstSeq: intended, generated: 2_000, acked: 2_000 });
    next.close();

    const records = await place.records();
    expectIntended(records, place.intents());
    const there = new Set(records.map(seqOf));
    const absent = place.intents().filter(({ seq }) => !there.has(seq));
    expect(absent.length).toBeGreaterThan(0);
    expect(absent.filter(({ seq }) => seq < (next.unknownFrom ?? 0) || seq >= intended)).toEqual([]);
    const places = new Set(records.map(placeOf));
    expect([...place.acked()].filter((acked) => !places.has(acked))).toEqual([]);
  }, 60_000);

  it('restores the same state from a checkpoint before several failed sends', async () => {
    const ledger = await place.open();
    let sends = 0;
    const failing: Sender = {
      send: (records: readonly OutputRecord[]) => {
        if (++sends % 7 === 0) return Promise.reject(new ProduceFailedError('cut off', [], {}));
        return producer.send(records);
      },
    };
    // No later checkpoint: the next start replays every failed send.
    const settings = { maxEvents: 1_500, checkpointEvery: 1_000_000 };
    const emitter = new Emitter(
      ledger,
      failing,
      { ...SYSTEM_CLOCK, wait: () => new Promise((resolve) => setImmediate(resolve)) },
      { ...SETTINGS, ...settings },
      0,
    );
    const checkpoint = readFileSync(join(place.directory, 'checkpoint.json'));
    emitter.start();
    await emitter.idle();
    expect(emitter.run.unknownOutcomes).toBeGreaterThan(0);
    const emitted = JSON.stringify(ledger.sequence.state);
    ledger.close();
    writeFileSync(join(place.directory, 'checkpoint.json'), checkpoint);

    const again = await place.open();
    expect(again.restartReason).toBeUndefined();
    expect(JSON.stringify(again.sequence.state) === emitted).toBe(true);
    again.close();
    expectIntended(await place.records(), place.intents());
  }, 60_000);

  it('starts another marketplace for another seed, with the next sequence number', async () => {
    const ledger = await place.open();
    const { nextSeq } = ledger.sequence;
    ledger.close();
    const reseeded = await place.open({ seed: 2 });
    expect(reseeded.sequence.nextSeq).toBe(nextSeq);
    expect(reseeded.sequence.identity).toEqual({ marketplaceId: 'g-2', seed: 2 });
    reseeded.close();
  }, 30_000);

  describe('with a new directory over topics that have records', () => {
    let directory: string;
    beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'orderstream-ledger-'))));
    afterEach(() => {
      rmSync(directory, { recursive: true });
    });

    it('starts a marketplace with a random id', async () => {
      const ledger = await place.open({ directory });
      expect(ledger.sequence.identity.marketplaceId).toMatch(/^g[0-9a-f]{8}-1$/);
      ledger.close();
    }, 30_000);

    it('rejects a second generator until the first one closes the ledger', async () => {
      const first = await place.open({ directory });
      await expect(place.open({ directory })).rejects.toMatchObject({ code: 'LEDGER_IN_USE' });
      first.close();
      const second = await place.open({ directory });
      second.close();
    }, 30_000);
  });
});
