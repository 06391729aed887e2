import { SIMULATION_ID_HEADER } from '@orderstream/contracts';
import { type OutputRecord, ProduceFailedError } from '@orderstream/kafka';
import { type JournaledSegment, parseScenario, RecordCursor, type Scenario } from '@orderstream/simulation';
import { Disk, MemoryJournal } from '../../test/memory-journal';
import { type Clock } from './clock';
import { type Target } from './current-segment';
import { Emitter, type EmitterSettings } from './emitter';
import { type Sender } from './pipeline';

// The computation of the records takes a second or two, and the machine may be busy.
jest.setTimeout(60_000);

const NOW = Date.parse('2026-03-02T10:00:00Z');
const MINUTE_MS = 60_000;

const scenarioOf = (yaml: string, name = 'test'): Scenario => {
  const { scenario, problems } = parseScenario(`name: ${name}\ndescription: A test.\n${yaml}`, `${name}.yaml`);
  if (scenario === undefined) throw new Error(JSON.stringify(problems));
  return scenario;
};
const SCENARIO = scenarioOf(`population: { vendors: 12, products: 60, customers: 2000 }
customerChangeDays: 0.05
catalog: { productChangeHours: 0.1 }
lifecycleSpeed: 20000
`);
const OTHER = scenarioOf('population: { vendors: 12, products: 60, customers: 2000 }\n', 'other');
const SETTINGS: EmitterSettings = {
  seed: '1',
  maxEvents: 0,
  nominalRate: 50,
  maxPastMs: 48 * 3_600_000,
  maxBatchRecords: 100,
  maxBatchBytes: 1_000_000,
  maxBatchesInFlight: 3,
  lingerMs: 40,
  checkpointEvery: 1_000,
  notBeforeMs: 0,
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

interface Received {
  readonly id: string;
  readonly topic: string;
  readonly partition: number;
  readonly value: string;
  readonly occurredMs: number;
  readonly nowMs: number;
}

/** A broker that acknowledges every record unless `fails` returns true. Then it has stored the first half of the request. */
class TestSender implements Sender {
  readonly received: Received[] = [];
  fails: () => boolean = () => false;

  constructor(private readonly clock: Clock) {}

  async send(records: readonly OutputRecord[]): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    const fails = this.fails();
    for (const record of fails ? records.slice(0, records.length >> 1) : records) {
      const { topic, partition, headers, value } = record;
      this.received.push({
        id: String(headers[SIMULATION_ID_HEADER]),
        topic,
        partition,
        value: String(value),
        occurredMs: Date.parse(String(headers.ce_time)),
        nowMs: this.clock.now(),
      });
    }
    if (fails) throw new ProduceFailedError('the broker is gone', [], {});
  }
}

/** Clock and connection of a process: after its kill no wait and no send of it ends. */
class KillableProcess {
  private isAlive = true;
  readonly clock: Clock;
  readonly sender: Sender;

  constructor(clock: Clock, sender: Sender) {
    const whileAlive = async <T>(work: () => Promise<T>): Promise<T> => {
      const result = this.isAlive ? await work() : undefined;
      return this.isAlive ? (result as T) : new Promise<never>(() => undefined);
    };
    this.clock = { now: () => clock.now(), wait: (ms, signal) => whileAlive(() => clock.wait(ms, signal)) };
    this.sender = { send: (records) => whileAlive(() => sender.send(records)) };
  }

  kill(): void {
    this.isAlive = false;
  }
}

interface Setup {
  readonly settings?: Partial<EmitterSettings>;
  readonly target?: Partial<Target>;
  readonly disk?: Disk;
  readonly clock?: Clock;
  readonly sender?: Sender;
}

function setUp({
  settings,
  target,
  disk = new Disk(),
  clock = new TestClock(NOW),
  sender = new TestSender(clock),
}: Setup = {}) {
  const reasons: string[] = [];
  const emitter = new Emitter({
    journal: new MemoryJournal(disk),
    sender,
    clock,
    settings: { ...SETTINGS, ...settings },
    target: { scenario: SCENARIO, rate: 0, defectRate: 0, ...target },
    topicOf: (family) => family,
    onSegment: (_, reason) => reasons.push(reason),
  });
  // Unless a test passes its own.
  return { emitter, disk, clock: clock as TestClock, sender: sender as TestSender, reasons };
}

/** Yields to the emitter until the condition holds. Real time does not matter: the emitter's waits advance the clock. */
async function yieldUntil(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 40_000 && !condition(); i++) await new Promise((resolve) => setImmediate(resolve));
  expect(condition()).toBe(true);
}

/** The records of the journal's segments up to `reserved`, computed from their beginnings. */
function* computed(disk: Disk): Generator<{ segment: JournaledSegment; number: number; place: string; id: string }> {
  for (const segment of disk.segments) {
    const followed = disk.follows.get(segment.id);
    const cursor =
      followed === undefined
        ? RecordCursor.begin(segment)
        : RecordCursor.follow(segment, JSON.parse(followed) as Parameters<typeof RecordCursor.follow>[1]);
    for (let number = 0; number < segment.reserved; number++) {
      const record = cursor.next();
      if (record === undefined) break;
      const id = String(record.headers[SIMULATION_ID_HEADER]);
      yield { segment, number, id, place: `${record.family}/${record.partition} ${String(record.value)}` };
    }
  }
}

/** Everything computed was received with its bytes, and nothing else; what was received more than once was sent again. */
function expectComputed(disk: Disk, received: readonly Received[]): void {
  const copies = new Map<string, { count: number; places: Set<string> }>();
  for (const { id, topic, partition, value } of received) {
    const seen = copies.get(id) ?? { count: 0, places: new Set() };
    seen.count++;
    seen.places.add(`${topic}/${partition} ${value}`);
    copies.set(id, seen);
  }
  const wrong: string[] = [];
  for (const { segment, number, place, id } of computed(disk)) {
    const seen = copies.get(id);
    copies.delete(id);
    const allowed = 1 + segment.resumed.filter(({ from, until }) => number >= from && number < until).length;
    if (seen === undefined) {
      if (number < segment.acknowledged) wrong.push(`${id} is missing`);
    } else if (seen.places.size !== 1 || !seen.places.has(place)) wrong.push(`${id} has other bytes`);
    else if (seen.count > allowed) wrong.push(`${id} is there ${seen.count} times`);
  }
  expect(wrong.slice(0, 5)).toEqual([]);
  expect([...copies.keys()].slice(0, 5)).toEqual([]);
}

const isReference = ({ topic }: Received): boolean => topic === 'catalog' || topic === 'customers';

describe('the emitter', () => {
  it('emits an unthrottled run of N events behind the announcement, with past times, and finishes', async () => {
    const { emitter, disk, sender, clock, reasons } = setUp({ settings: { maxEvents: 5_000 } });
    emitter.start();
    await emitter.idle();
    expect(emitter.state).toBe('finished');
    const [segment] = disk.segments;
    const announcements = segment?.announcements ?? 0;
    expect(announcements).toBeGreaterThan(30);
    const generated = 5_000 + announcements;
    expect(emitter.run).toEqual({ firstSeq: 0, generated, events: 5_000, acked: generated, defects: 0, resent: 0 });
    expect(segment).toMatchObject({ acknowledged: generated, reserved: generated });
    expect(emitter.nextSeq).toBe(generated);
    expect(reasons).toEqual(['the directory has no journal']);
    expect(sender.received.filter(({ occurredMs, nowMs }) => occurredMs > nowMs)).toEqual([]);
    expect(clock.ms - NOW).toBeLessThan(1_000);
    expectComputed(disk, sender.received);
  });

  it('sends each family in order, and references before the orders and interactions behind them', async () => {
    const { emitter, disk, sender } = setUp({ settings: { maxEvents: 3_000 } });
    emitter.start();
    await emitter.idle();
    const order = new Map([...computed(disk)].map(({ id, number }) => [id, number]));
    for (const family of ['orders', 'catalog', 'customers', 'interactions']) {
      const numbers = sender.received.filter(({ topic }) => topic === family).map(({ id }) => order.get(id) ?? -1);
      expect(numbers.length).toBeGreaterThan(0);
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    }
    let lastReference = -1;
    const late = sender.received.toReversed().filter((record) => {
      const number = order.get(record.id) ?? -1;
      if (isReference(record)) lastReference = lastReference === -1 ? number : Math.min(lastReference, number);
      return !isReference(record) && lastReference !== -1 && lastReference < number;
    });
    expect(late).toEqual([]);
  });

  it('follows the rate by the wall clock, and another rate once it is set', async () => {
    const { clock, sender, emitter, disk } = setUp({ target: { rate: 200 } });
    emitter.start();
    const countBetween = async (ms: number): Promise<number> => {
      const [from, before] = [clock.ms, sender.received.length];
      await yieldUntil(() => clock.ms >= from + ms);
      return sender.received.length - before;
    };
    await countBetween(120_000);
    const fast = await countBetween(60_000);
    expect(fast).toBeGreaterThan(0.85 * 12_000);
    expect(fast).toBeLessThan(1.15 * 12_000);
    emitter.setRate(40);
    await countBetween(90_000);
    const slow = await countBetween(60_000);
    expect(slow).toBeGreaterThan(0.8 * 2_400);
    expect(slow).toBeLessThan(1.25 * 2_400);
    await emitter.stop();
    expect(emitter.state).toBe('stopped');
    expect(disk.segments).toHaveLength(1);
    expect(sender.received.filter(({ occurredMs, nowMs }) => occurredMs > nowMs)).toEqual([]);
    expectComputed(disk, sender.received);
  });

  it('sends what is not acknowledged again after a failed send, with the same ids and bytes', async () => {
    const { emitter, disk, sender } = setUp({ settings: { maxEvents: 3_000 } });
    let sends = 0;
    sender.fails = () => ++sends % 11 === 0;
    emitter.start();
    await emitter.idle();
    expect(emitter.state).toBe('finished');
    const { announcements = 0, resumed = [] } = disk.segments[0] ?? {};
    expect(emitter.run).toMatchObject({
      generated: 3_000 + announcements,
      events: 3_000,
      acked: 3_000 + announcements,
    });
    expect(emitter.run.resent).toBeGreaterThan(100);
    expect(resumed.length).toBeGreaterThan(2);
    expect(new Set(sender.received.map(({ id }) => id)).size).toBe(3_000 + announcements);
    expect(sender.received.length).toBeGreaterThan(3_000 + announcements);
    expectComputed(disk, sender.received);
  });

  it('fails on an error that no retry can help', async () => {
    const { emitter, sender } = setUp({ settings: { maxEvents: 1_000 } });
    sender.send = () => Promise.reject(new TypeError('a defect'));
    emitter.start();
    await emitter.idle();
    expect(emitter.state).toBe('failed');
    expect(emitter.cause).toBeInstanceOf(TypeError);
  });

  it('emits exactly the computed records although it is killed ten times', async () => {
    const clock = new TestClock(NOW);
    const sender = new TestSender(clock);
    let disk = new Disk();
    for (let kill = 1; kill <= 10; kill++) {
      const process = new KillableProcess(clock, sender);
      const { clock: own, sender: connection } = process;
      const { emitter } = setUp({
        disk,
        clock: own,
        sender: connection,
        target: { rate: 300 },
        settings: { maxBatchRecords: 50 },
      });
      emitter.start();
      const until = sender.received.length + 150 * kill;
      await yieldUntil(() => sender.received.length >= until);
      process.kill();
      disk = disk.copy();
      // Now and then it leaves a gap, and each time the rate changes.
      clock.ms += kill % 2 === 0 ? 1_500 : 8_000;
    }
    const { emitter } = setUp({ disk, clock, sender, target: { rate: 300 } });
    emitter.start();
    const until = sender.received.length + 500;
    await yieldUntil(() => sender.received.length >= until);
    await emitter.stop();
    const [segment, ...others] = disk.segments;
    expect(others).toEqual([]);
    expect(segment?.acknowledged).toBe(segment?.reserved);
    expect(segment?.resumed.length).toBe(10);
    expect(sender.received.length).toBeGreaterThan(segment?.reserved ?? 0);
    expectComputed(disk, sender.received);
  });

  it('sends only what may be missing when it does not start by itself', async () => {
    const clock = new TestClock(NOW);
    const first = setUp({ clock, target: { rate: 100 } });
    first.emitter.start();
    await yieldUntil(() => first.sender.received.length > 500);
    const disk = first.disk.copy();
    const { acknowledged = 0, reserved = 0 } = disk.segments[0] ?? {};
    expect(acknowledged).toBeLessThan(reserved);
    const second = setUp({ clock, disk, target: { rate: 100 } });
    second.emitter.resend();
    await second.emitter.idle();
    expect(second.emitter.state).toBe('stopped');
    expect(disk.segments[0]).toMatchObject({ acknowledged: reserved, reserved });
    expect(second.sender.received).toHaveLength(reserved - acknowledged);
    await first.emitter.stop();
  });

  it('leaves a gap after a stall of some seconds, without a flood and without another segment', async () => {
    const { clock, sender, emitter, disk } = setUp({ target: { rate: 100 } });
    emitter.start();
    await yieldUntil(() => clock.ms > NOW + MINUTE_MS);
    const before = sender.received.length;
    clock.ms += 2 * MINUTE_MS;
    const resumedMs = clock.ms;
    await yieldUntil(() => clock.ms > resumedMs + 20_000);
    await emitter.stop();
    const after = sender.received.slice(before);
    // 140 seconds at this rate are 14,000.
    expect(after.length).toBeLessThan(5_000);
    expect(after.length).toBeGreaterThan(500);
    expect(disk.segments).toHaveLength(1);
    const started = after.filter(({ value }) => value.includes('"session.started"'));
    const inGap = started.filter(
      ({ occurredMs }) => occurredMs > resumedMs - 110_000 && occurredMs < resumedMs - 1_000,
    );
    expect(started.length).toBeGreaterThan(50);
    expect(inGap).toEqual([]);
    expectComputed(disk, sender.received);
  });

  it.each([
    ['in the same process', false],
    ['of the process', true],
  ])('begins a new segment after a standstill of more than five minutes %s', async (_, isRestarted) => {
    const { clock, sender, emitter, disk, reasons } = setUp({ target: { rate: 100 } });
    emitter.start();
    await yieldUntil(() => sender.received.length > 300);
    await emitter.stop();
    clock.ms += 6 * MINUTE_MS;
    const again = isRestarted ? setUp({ clock, sender, disk, target: { rate: 100 } }) : { emitter, reasons };
    again.emitter.start();
    const until = sender.received.length + 300;
    await yieldUntil(() => sender.received.length > until);
    await again.emitter.stop();
    expect(again.reasons.at(-1)).toBe('the last one stood still for more than 5 minutes');
    expect(disk.segments.map(({ follows }) => follows)).toEqual([false, false]);
    expect(new Set(sender.received.map(({ id }) => id)).size).toBe(sender.received.length);
    expectComputed(disk, sender.received);
  });

  it.each([
    ['seed', { settings: { seed: '2' } }, 'the last one has seed 1'],
    ['directory', { disk: new Disk() }, 'the directory has no journal'],
  ])('begins a new segment with another %s, and says so', async (_, change: Setup, reason) => {
    const first = setUp({ settings: { maxEvents: 300 } });
    first.emitter.start();
    await first.emitter.idle();
    const { disk, clock, sender } = first;
    const second = setUp({ disk, clock, sender, ...change, settings: { maxEvents: 300, ...change.settings } });
    const before = sender.received.length;
    second.emitter.start();
    await second.emitter.idle();
    expect(second.reasons).toEqual([reason]);
    const isSameDisk = second.disk === disk;
    expectComputed(second.disk, isSameDisk ? sender.received : sender.received.slice(before));
  });

  it('begins a segment that goes on with the open orders when the scenario changes', async () => {
    const { clock, sender, emitter, disk, reasons } = setUp({ target: { rate: 200 } });
    emitter.start();
    await yieldUntil(() => clock.ms > NOW + MINUTE_MS);
    emitter.setScenario(OTHER);
    await yieldUntil(() => clock.ms > NOW + 2 * MINUTE_MS);
    await emitter.stop();
    expect(reasons.at(-1)).toBe('it has scenario other and defect rate 0');
    const [first, second] = disk.segments;
    expect(first).toMatchObject({ isEnded: true, scenario: { name: 'test' } });
    expect(second).toMatchObject({ follows: true, scenario: { name: 'other' }, firstSeq: first?.reserved });
    // Orders of the other scenario are not delivered within a minute: those that are began before.
    const delivered = sender.received.filter(({ value, nowMs }) => {
      return value.includes('"order.delivered"') && nowMs > NOW + MINUTE_MS + 1_000;
    });
    expect(delivered.length).toBeGreaterThan(0);
    expectComputed(disk, sender.received);
  });

  it('continues a stopped run, and starts another run after a finished one, in the same segment', async () => {
    const { emitter, disk, sender, clock } = setUp({ settings: { maxEvents: 1_000 } });
    emitter.start();
    await yieldUntil(() => sender.received.length > 200);
    await emitter.stop();
    expect(emitter.run.events).toBeLessThan(1_000);
    emitter.start();
    await emitter.idle();
    const announcements = disk.segments[0]?.announcements ?? 0;
    expect(emitter.run).toMatchObject({ firstSeq: 0, events: 1_000, generated: 1_000 + announcements });
    clock.ms += 30_000;
    emitter.start();
    await emitter.idle();
    expect(emitter.run).toMatchObject({ firstSeq: 1_000 + announcements, events: 1_000, generated: 1_000, resent: 0 });
    expect(disk.segments).toHaveLength(1);
    expect(new Set(sender.received.map(({ id }) => id)).size).toBe(2_000 + announcements);
    expectComputed(disk, sender.received);
  });

  it('finishes with the last order of a scenario that ends, and begins a new segment then', async () => {
    const scenario = scenarioOf(
      'population: { vendors: 12, products: 60, customers: 2000 }\narrivals: { process: regular, maxOrders: 40 }\n',
    );
    const { emitter, disk, sender } = setUp({ target: { scenario, rate: 10 } });
    emitter.start();
    await emitter.idle();
    expect(emitter.state).toBe('finished');
    expect(sender.received.filter(({ value }) => value.includes('"order.placed"'))).toHaveLength(40);
    emitter.start();
    await emitter.idle();
    expect(sender.received.filter(({ value }) => value.includes('"order.placed"'))).toHaveLength(80);
    expect(disk.segments).toHaveLength(2);
    expectComputed(disk, sender.received);
  });
});
