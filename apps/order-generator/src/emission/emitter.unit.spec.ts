import { type LedgerAck, type LedgerIntent } from '@orderstream/contracts';
import { type OutputRecord, ProduceFailedError, type ProducedRange } from '@orderstream/kafka';
import { type EmissionLedger } from '../ledger/emission-ledger';
import { createPools } from '../simulation/pools';
import { STEADY_TRADE } from '../simulation/scenarios/steady-trade';
import { type Segment } from '../simulation/schedule';
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

/** A clock that advances only in `wait`. */
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

/** A simulation with its ledger in memory. */
class MemoryLedger implements EmissionLedger {
  readonly sequence = new Sequence({ marketplaceId: 'test', seed: 1 }, POOLS, STEADY_TRADE);
  readonly unknownFrom = undefined;
  readonly run = 'run-1';
  readonly segments: Segment[] = [];
  readonly intended: LedgerIntent[] = [];
  readonly acked: LedgerAck[] = [];
  readonly stored: number[] = [];
  topicOf = (family: string): string => family;
  beginRun(_: Date, segment: Segment): void {
    this.beginSegment(segment);
  }
  beginSegment(segment: Segment): void {
    this.segments.push(segment);
    this.sequence.begin(segment);
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

/** A broker that acknowledges every record unless `fails` returns true. It notes records without an intent. */
class TestSender implements Sender {
  readonly received: {
    readonly seq: number;
    readonly topic: string;
    readonly occurredAtMs: number;
    readonly nowMs: number;
  }[] = [];
  readonly unintended: number[] = [];
  fails: () => boolean = () => false;
  constructor(
    private readonly ledger: MemoryLedger,
    private readonly clock: Clock,
  ) {}
  async send(records: readonly OutputRecord[]): Promise<readonly ProducedRange[]> {
    await new Promise((resolve) => setImmediate(resolve));
    if (this.fails()) throw new ProduceFailedError('the broker is gone', [], {});
    const intended = new Set(this.ledger.intended.map(({ seq }) => seq));
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

function createEmitter(rate: number, settings: Partial<EmitterSettings> = {}) {
  const clock = new TestClock(NOW);
  const ledger = new MemoryLedger();
  const sender = new TestSender(ledger, clock);
  return { clock, ledger, sender, emitter: new Emitter(ledger, sender, clock, { ...SETTINGS, ...settings }, rate) };
}

/** Yields to the emitter until the condition holds. Real time does not matter: the emitter's waits advance the clock. */
async function yieldUntil(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 20_000 && !condition(); i++) await new Promise((resolve) => setImmediate(resolve));
  expect(condition()).toBe(true);
}

const acknowledged = (ledger: MemoryLedger): number => ledger.acked.reduce((sum, { count }) => sum + count, 0);

describe('the emitter', () => {
  it('emits an unthrottled run of N events with past times, each family in order and references first, and finishes', async () => {
    const { ledger, sender, emitter, clock } = createEmitter(0, { maxEvents: 5_000 });
    emitter.start();
    await emitter.idle();
    expect(emitter.state).toBe('finished');
    expect(emitter.run).toMatchObject({ firstSeq: 0, generated: 5_000, acked: 5_000, unknownOutcomes: 0 });
    expect(acknowledged(ledger)).toBe(5_000);
    expect(sender.unintended).toEqual([]);
    expect(sender.received[0]?.occurredAtMs).toBe(NOW - 100_000);
    expect(sender.received.filter(({ occurredAtMs, nowMs }) => occurredAtMs > nowMs)).toEqual([]);
    expect(clock.ms - NOW).toBeLessThan(1_000);
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
    expect(ledger.stored.at(-1)).toBe(5_000);
    expect(ledger.stored.length).toBeGreaterThan(2);
  });

  it('follows the rate by the wall clock, and another rate once it is set', async () => {
    const { clock, sender, emitter } = createEmitter(200);
    emitter.start();
    await yieldUntil(() => clock.ms >= NOW + 10_000);
    const atFirst = sender.received.length;
    expect(atFirst).toBeGreaterThan(1_950);
    expect(atFirst).toBeLessThanOrEqual(2_002);
    emitter.setRate(20);
    const changed = clock.ms;
    await yieldUntil(() => clock.ms >= changed + 10_000);
    expect(sender.received.length - atFirst).toBeGreaterThan(190);
    expect(sender.received.length - atFirst).toBeLessThan(215);
    await emitter.stop();
    expect(emitter.state).toBe('stopped');
    expect(sender.received.filter(({ occurredAtMs, nowMs }) => occurredAtMs > nowMs)).toEqual([]);
  });

  it('continues after a failed send with new sequence numbers, and leaves out the records of unknown outcome', async () => {
    const { ledger, sender, emitter } = createEmitter(0, { maxEvents: 6_000, maxBatchRecords: 200 });
    let sends = 0;
    sender.fails = () => ++sends === 9;
    emitter.start();
    await emitter.idle();
    expect(emitter.state).toBe('finished');
    const { generated, acked, unknownOutcomes } = emitter.run;
    expect(generated).toBe(6_000);
    expect(acked).toBe(acknowledged(ledger));
    expect(acked + unknownOutcomes).toBe(6_000);
    expect(unknownOutcomes).toBeGreaterThan(0);
    expect(unknownOutcomes).toBeLessThanOrEqual(3 * 200);
    expect(new Set(ledger.intended.map(({ seq }) => seq)).size).toBe(6_000);
    const received = new Set(sender.received.map(({ seq }) => seq));
    expect(received.size).toBe(sender.received.length);
    const [, { firstSeq, unknownFrom = -1 } = { firstSeq: -1 }] = ledger.segments;
    const lost = ledger.intended.map(({ seq }) => seq).filter((seq) => !received.has(seq));
    expect(lost.length).toBeGreaterThan(0);
    expect(lost.filter((seq) => seq < unknownFrom || seq >= firstSeq)).toEqual([]);
    expect(firstSeq - unknownFrom).toBe(unknownOutcomes);
  });

  it('skips to the present after the wall clock jumped ahead by an hour, without sending the events in between', async () => {
    const { clock, sender, emitter } = createEmitter(100);
    emitter.start();
    await yieldUntil(() => sender.received.length > 100);
    const before = sender.received.length;
    clock.ms += 3_600_000;
    await yieldUntil(() => sender.received.length > before + 100);
    await emitter.stop();
    expect(sender.received.length).toBeLessThan(before + 1_000);
    expect((sender.received.at(-1)?.occurredAtMs ?? 0) - NOW).toBeGreaterThan(3_600_000);
  });

  it('continues a stopped run, and starts another run after a finished one', async () => {
    const { ledger, emitter } = createEmitter(0, { maxEvents: 1_000 });
    emitter.start();
    await emitter.stop();
    const generated = emitter.run.generated;
    expect(generated).toBeLessThan(1_000);
    emitter.start();
    await emitter.idle();
    expect(emitter.run).toMatchObject({ firstSeq: 0, generated: 1_000 });
    emitter.start();
    await emitter.idle();
    expect(emitter.run).toMatchObject({ firstSeq: 1_000, generated: 1_000, acked: 1_000 });
    expect(ledger.intended.map(({ seq }) => seq)).toEqual(Array.from({ length: 2_000 }, (_, seq) => seq));
  });
});
