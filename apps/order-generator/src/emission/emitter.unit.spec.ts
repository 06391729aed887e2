import { type LedgerAck, type LedgerIntent } from '@orderstream/contracts';
import { type OutputRecord, ProduceFailedError, type ProducedRange } from '@orderstream/kafka';
import { type Story } from '../ledger/story';
import { type Epoch } from '../simulation/epochs';
import { createPools } from '../simulation/pools';
import { STEADY_TRADE } from '../simulation/scenarios/steady-trade';
import { Sequence } from '../simulation/sequence';
import { type Clock } from './clock';
import { Emitter, type EmitterSettings } from './emitter';
import { type Sender } from './pipeline';

const NOW = Date.parse('2026-03-01T10:00:00Z');
const POOLS = createPools(1);
const SETTINGS: EmitterSettings = {
  maxEvents: 0,
  nominalRate: 50,
  maxPastMs: 48 * 3_600_000,
  defectRate: 0,
  maxBatchRecords: 100,
  maxBatchBytes: 1_000_000,
  maxBatchesInFlight: 3,
  lingerMs: 40,
  checkpointEvery: 1_000,
};

/** Time passes when somebody waits, and not otherwise. */
class TestClock implements Clock {
  constructor(public ms: number) {}
  now(): number {
    return this.ms;
  }
  async wait(ms: number): Promise<void> {
    this.ms += ms;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** A story whose ledger is in memory. */
class MemoryStory implements Story {
  readonly sequence = new Sequence({ generation: 'test', seed: 1 }, POOLS, STEADY_TRADE);
  readonly doubtFrom = undefined;
  readonly run = 'run-1';
  readonly epochs: Epoch[] = [];
  readonly intended: LedgerIntent[] = [];
  readonly acked: LedgerAck[] = [];
  readonly stored: number[] = [];
  topicOf = (family: string): string => family;
  beginRun(_: Date, epoch: Epoch): void {
    this.beginEpoch(epoch);
  }
  beginEpoch(epoch: Epoch): void {
    this.epochs.push(epoch);
    this.sequence.begin(epoch);
  }
  intents(_: number, intents: readonly LedgerIntent[]): void {
    this.intended.push(...intents);
  }
  acks(_: number, acks: readonly LedgerAck[]): void {
    this.acked.push(...acks);
  }
  snapshot(): string {
    return this.sequence.nextSeq.toString();
  }
  store(snapshot: string): void {
    this.stored.push(Number(snapshot));
  }
}

/** A broker that says yes, unless `reject` says otherwise; it must find every record intended and none from the future. */
class TestSender implements Sender {
  readonly received: {
    readonly seq: number;
    readonly topic: string;
    readonly occurredAtMs: number;
    readonly nowMs: number;
  }[] = [];
  readonly unintended: number[] = [];
  reject: (records: readonly OutputRecord[]) => boolean = () => false;
  constructor(
    private readonly story: MemoryStory,
    private readonly clock: Clock,
  ) {}
  async send(records: readonly OutputRecord[]): Promise<readonly ProducedRange[]> {
    await new Promise((resolve) => setImmediate(resolve));
    if (this.reject(records)) throw new ProduceFailedError('the broker is gone', [], {});
    const intended = new Set(this.story.intended.map(({ seq }) => seq));
    const counts = new Map<string, number>();
    for (const { topic, partition, headers } of records) {
      const seq = Number(headers['ledger-seq']);
      if (!intended.has(seq)) this.unintended.push(seq);
      const occurredAtMs = Date.parse(String(headers.ce_time));
      this.received.push({ seq, topic, occurredAtMs, nowMs: this.clock.now() });
      const place = `${topic}/${partition.toString()}`;
      counts.set(place, (counts.get(place) ?? 0) + 1);
    }
    return [...counts].map(([place, count]) => {
      const [topic = '', partition = ''] = place.split('/');
      return { topic, partition: Number(partition), baseOffset: 0, count };
    });
  }
}

function emitter(rate: number, settings: Partial<EmitterSettings> = {}) {
  const clock = new TestClock(NOW);
  const story = new MemoryStory();
  const sender = new TestSender(story, clock);
  return { clock, story, sender, emitter: new Emitter(story, sender, clock, { ...SETTINGS, ...settings }, rate) };
}

async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 20_000 && !condition(); turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(condition()).toBe(true);
}

const acknowledged = (story: MemoryStory): number => story.acked.reduce((sum, { count }) => sum + count, 0);

describe('the emitter', () => {
  it('tells an unthrottled run of N events of the past, up to now, and finishes', async () => {
    const { story, sender, emitter: told, clock } = emitter(0, { maxEvents: 5_000 });
    told.start();
    await told.idle();
    expect(told.state).toBe('finished');
    expect(told.run).toMatchObject({ firstSeq: 0, generated: 5_000, acked: 5_000, doubtful: 0 });
    expect(acknowledged(story)).toBe(5_000);
    expect(sender.unintended).toEqual([]);
    expect(sender.received[0]?.occurredAtMs).toBe(NOW - 100_000);
    expect(sender.received.filter(({ occurredAtMs, nowMs }) => occurredAtMs > nowMs)).toEqual([]);
    expect(clock.ms - NOW).toBeLessThan(1_000);
    // In order within each family; references are ahead of what was made with them, never behind.
    for (const family of ['orders', 'catalog', 'customers', 'interactions']) {
      const seqs = sender.received.filter(({ topic }) => topic === family).map(({ seq }) => seq);
      expect(seqs).toEqual(seqs.toSorted((a, b) => a - b));
    }
    const lastReference = new Map<number, number>();
    sender.received.forEach(({ seq, topic }, at) => {
      if (topic === 'catalog' || topic === 'customers') lastReference.set(seq, at);
    });
    const before = sender.received.filter(
      ({ seq, topic }, at) =>
        (topic === 'orders' || topic === 'interactions') &&
        [...lastReference].some(([reference, sentAt]) => reference < seq && sentAt > at),
    );
    expect(before).toEqual([]);
    expect(story.stored.at(-1)).toBe(5_000);
    expect(story.stored.length).toBeGreaterThan(2);
  });

  it('keeps to the rate and to the wall clock, and to another rate from where it is set', async () => {
    const { clock, sender, emitter: told } = emitter(200);
    told.start();
    await until(() => clock.ms >= NOW + 10_000);
    const atFirst = sender.received.length;
    expect(atFirst).toBeGreaterThan(1_950);
    expect(atFirst).toBeLessThanOrEqual(2_002);
    told.setRate(20);
    const changed = clock.ms;
    await until(() => clock.ms >= changed + 10_000);
    expect(sender.received.length - atFirst).toBeGreaterThan(190);
    expect(sender.received.length - atFirst).toBeLessThan(215);
    await told.stop();
    expect(told.state).toBe('stopped');
    expect(sender.received.filter(({ occurredAtMs, nowMs }) => occurredAtMs > nowMs)).toEqual([]);
  });

  it('leaves what failed in doubt, uses no sequence number again and goes on behind it', async () => {
    const { story, sender, emitter: told } = emitter(0, { maxEvents: 6_000, maxBatchRecords: 200 });
    let sends = 0;
    sender.reject = () => ++sends === 9;
    told.start();
    await told.idle();
    expect(told.state).toBe('finished');
    const { generated, acked, doubtful } = told.run;
    expect(generated).toBe(6_000);
    expect(acked + doubtful).toBe(6_000);
    expect(doubtful).toBeGreaterThan(0);
    expect(doubtful).toBeLessThanOrEqual(3 * 200);
    expect(new Set(story.intended.map(({ seq }) => seq)).size).toBe(6_000);
    expect(new Set(sender.received.map(({ seq }) => seq)).size).toBe(sender.received.length);
    expect(story.epochs.at(1)?.doubtFrom).toBeDefined();
    expect(story.epochs.at(1)?.firstSeq).toBeGreaterThan(story.epochs.at(1)?.doubtFrom ?? Infinity);
  });

  it('does not flood after an outage of the wall clock: it goes on at the present', async () => {
    const { clock, sender, emitter: told } = emitter(100);
    told.start();
    await until(() => sender.received.length > 100);
    const before = sender.received.length;
    clock.ms += 3_600_000;
    await until(() => sender.received.length > before + 100);
    await told.stop();
    expect(sender.received.length).toBeLessThan(before + 1_000);
    expect((sender.received.at(-1)?.occurredAtMs ?? 0) - NOW).toBeGreaterThan(3_600_000);
  });

  it('goes on where it was stopped, and begins another run where one was finished', async () => {
    const { story, emitter: told } = emitter(0, { maxEvents: 1_000 });
    told.start();
    await told.stop();
    const generated = told.run.generated;
    expect(generated).toBeLessThan(1_000);
    told.start();
    await told.idle();
    expect(told.run).toMatchObject({ firstSeq: 0, generated: 1_000 });
    told.start();
    await told.idle();
    expect(told.run).toMatchObject({ firstSeq: 1_000, generated: 1_000, acked: 1_000 });
    expect(story.intended.map(({ seq }) => seq)).toEqual(Array.from({ length: 2_000 }, (_, seq) => seq));
  });
});
