import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PARTITIONS } from '@orderstream/contracts';
import { loadCheckedOffsets } from './checked-offsets';
import { PubsubRestarts } from './pubsub-restarts';

const inAll = <T>(value: T): T[] => Array.from({ length: PARTITIONS }, () => value);

/** Bridge, subscription and emulator as numbers: what was read, what waits in the subscription, what is committed. */
class Pipeline {
  readonly events: string[] = [];
  readonly compared: { from: number; until: number }[] = [];
  restarts = 0;
  heapShare: number | undefined;
  leaseSeconds: number | undefined;
  /** Orders in the subscription. Each look at its status delivers some of them. */
  waiting = 0;
  unacknowledged = 0;
  nextOffset = 100;
  committed = 100;
  missing = new Map<number, number>();
  pauseFails = false;
  unreadable = 0;
  readonly lines: string[] = [];
  onSubscriptionStatus: () => void = () => undefined;
  private emptyPulls = 500;
  private rowsWritten = 0;

  dies(): void {
    this.restarts++;
    this.heapShare = undefined;
  }

  options(file: string): ConstructorParameters<typeof PubsubRestarts>[0] {
    return {
      file,
      progress: { line: (text) => this.lines.push(text) },
      heap: { usedShare: () => this.heapShare },
      bridge: { pause: (seconds) => this.pause(seconds), status: () => Promise.resolve(this.bridgeStatus()) },
      subscription: { status: () => Promise.resolve(this.subscriptionStatus()) },
      supervisor: {
        status: () => [{ name: 'pubsub-emulator', state: 'running', restarts: this.restarts }],
        restart: async (name, _cause, whileDown) => {
          this.events.push(`restart ${name}, waiting ${String(this.waiting)}, lease ${String(this.leaseSeconds)}`);
          await whileDown?.(new AbortController().signal);
          if (name === 'pubsub-emulator') this.dies();
        },
      },
      delivery: {
        table: 'ecommerce_db.streaming_orders',
        offsets: () => Promise.resolve({ committed: inAll(this.committed), beginnings: inAll(0) }),
        findUndelivered: ([range]) => {
          if (range !== undefined) this.compared.push({ from: range.from, until: range.until });
          const first = this.missing;
          this.missing = new Map();
          return Promise.resolve({ records: first.size, first, unreadable: this.unreadable });
        },
        rewind: (offsets) => {
          this.events.push(`rewind ${JSON.stringify([...offsets])}`);
          return Promise.resolve();
        },
      },
    };
  }

  private pause(seconds: number): Promise<void> {
    if (this.pauseFails) return Promise.reject(new Error('the bridge does not answer'));
    this.leaseSeconds = seconds;
    return Promise.resolve();
  }

  private bridgeStatus(): object {
    const state = this.leaseSeconds === undefined ? 'running' : 'paused';
    const partitions = inAll(0).map((_, partition) => ({
      topic: 'marketplace.orders.validated.v1',
      partition,
      state,
      nextOffset: this.nextOffset,
    }));
    const status = { unacknowledged: this.unacknowledged, partitions };
    // What was taken is published and committed a little later.
    this.waiting += this.unacknowledged;
    this.unacknowledged = 0;
    this.committed = this.nextOffset;
    return status;
  }

  private subscriptionStatus(): object {
    this.onSubscriptionStatus();
    const delivered = Math.min(this.waiting, 10);
    this.waiting -= delivered;
    this.rowsWritten += delivered;
    this.emptyPulls = delivered > 0 ? 0 : this.emptyPulls + 1;
    return { emptyPulls: this.emptyPulls, rowsWritten: this.rowsWritten };
  }
}

describe('PubsubRestarts', () => {
  let folder: string;
  let file: string;
  let pipeline: Pipeline;
  let restarts: PubsubRestarts;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'restarts-'));
    file = join(folder, 'delivered.json');
    pipeline = new Pipeline();
    restarts = new PubsubRestarts(pipeline.options(file));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it('does nothing while the heap has room', async () => {
    for (const share of [undefined, 0.1, 0.69]) {
      pipeline.heapShare = share;
      await restarts.step();
    }
    expect([pipeline.events, pipeline.leaseSeconds]).toEqual([[], undefined]);
  });

  it('restarts the emulator when the paused bridge has settled and nothing waits, and ends the lease', async () => {
    Object.assign(pipeline, { heapShare: 0.8, unacknowledged: 35, waiting: 5 });
    await restarts.step();
    expect(pipeline.events).toEqual(['restart pubsub-emulator, waiting 0, lease 120']);
    expect(pipeline.leaseSeconds).toBe(1);
    await restarts.step();
    await restarts.step();
    expect(pipeline.compared).toEqual([{ from: 0, until: 100 }]);
    expect(pipeline.events).toHaveLength(1);
    expect(loadCheckedOffsets(file).offsets).toEqual(inAll(100));
  });

  it('says how many orders lie in batches that cannot be decoded, and rewinds nothing for them', async () => {
    pipeline.unreadable = 4;
    await restarts.prepare();
    await restarts.step();
    expect(pipeline.events).toEqual([]);
    expect(pipeline.lines).toEqual([expect.stringMatching(/4 orders .*cannot be decoded.*produce them again/)]);
    expect(loadCheckedOffsets(file).offsets).toEqual(inAll(100));
  });

  it('waits for pulls after the bridge has settled: earlier empty ones show nothing', async () => {
    pipeline.heapShare = 0.8;
    let looks = 0;
    pipeline.onSubscriptionStatus = () => {
      // What was published last can be pulled only now.
      if (++looks === 3) pipeline.waiting = 20;
    };
    await restarts.step();
    expect(pipeline.events).toEqual(['restart pubsub-emulator, waiting 0, lease 120']);
    expect(looks).toBeGreaterThan(3);
  });

  it('rewinds the bridge to the first missing order when the emulator has died', async () => {
    pipeline.dies();
    pipeline.missing = new Map([
      [1, 42],
      [3, 99],
    ]);
    await restarts.step();
    expect(pipeline.events).toEqual(['restart pubsub-bridge, waiting 0, lease 1', 'rewind [[1,42],[3,99]]']);
    expect(loadCheckedOffsets(file).offsets).toEqual([100, 42, 100, 99, 100, 100]);
  });

  it('compares from where the last comparison ended, and from the beginning of a topic that was re-created', async () => {
    for (const offset of [100, 150, 30]) {
      pipeline.dies();
      Object.assign(pipeline, { nextOffset: offset, committed: offset });
      await restarts.step();
    }
    expect(pipeline.compared).toEqual([
      { from: 0, until: 100 },
      { from: 100, until: 150 },
      { from: 0, until: 30 },
    ]);
  });

  it('compares after a death during the drain, instead of restarting the new process', async () => {
    pipeline.heapShare = 0.8;
    let died = false;
    pipeline.onSubscriptionStatus = () => {
      if (!died) pipeline.dies();
      died = true;
    };
    await restarts.step();
    expect([pipeline.events, pipeline.compared]).toEqual([[], []]);
    await restarts.step();
    expect([pipeline.events, pipeline.compared]).toEqual([[], [{ from: 0, until: 100 }]]);
  });

  it('compares at the start what was committed before the bridge publishes again', async () => {
    await restarts.prepare();
    Object.assign(pipeline, { nextOffset: 170, committed: 170 });
    pipeline.missing = new Map([[0, 7]]);
    await restarts.step();
    expect(pipeline.compared).toEqual([{ from: 0, until: 100 }]);
    expect(pipeline.events).toContain('rewind [[0,7]]');
  });

  it('does not restart the emulator while the bridge cannot be paused, and tries again', async () => {
    Object.assign(pipeline, { heapShare: 0.8, pauseFails: true });
    await expect(restarts.step()).rejects.toThrow('does not answer');
    expect(pipeline.events).toEqual([]);
    pipeline.pauseFails = false;
    await restarts.step();
    expect(pipeline.events).toHaveLength(1);
  });
});
