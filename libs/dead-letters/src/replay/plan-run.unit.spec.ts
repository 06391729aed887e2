import { createLogger } from '@orderstream/observability';
import { type Fate } from './came-back';
import { CanaryGate } from './canary-gate';
import { type PartitionReplay } from './partition-replay';
import { DEFAULT_OPTIONS, type ReplayOptions } from './plan';
import { PlanRun, type RunEnd } from './plan-run';

const logger = createLogger({ service: 'spec', level: 'silent' });

/** A plan of one partition, whose letters are returned one by one; some of them come back. */
class Replay {
  readonly gate: CanaryGate;
  returned = 0;
  cameBack = 0;
  canaryPassed = 0;
  private readonly options: ReplayOptions;

  constructor(
    private readonly letters: number,
    options: Partial<ReplayOptions>,
    private readonly share: number,
    private readonly isFateKnown: () => boolean = () => true,
    private readonly canaryTimeoutMs = 30,
  ) {
    this.options = { ...DEFAULT_OPTIONS, ...options };
    this.gate = new CanaryGate(this.options.canary > 0 ? this.options.canary : undefined);
  }

  run(signal: AbortSignal = new AbortController().signal): Promise<RunEnd> {
    let read = 0;
    let counted = 0;
    const fate: Fate = {
      // As from a log: reads behind what it has read, and counts what it finds.
      poll: async () => {
        const from = read;
        const until = Math.floor(this.returned * this.share);
        await new Promise((resolve) => setTimeout(resolve, 3));
        read = until;
        counted += until - from;
        return counted;
      },
      isKnown: () => Promise.resolve(this.isFateKnown()),
      close: () => Promise.resolve(),
    };
    return new PlanRun({
      options: this.options,
      partitions: [{ run: (aborted: AbortSignal) => this.returnAll(aborted) } as PartitionReplay],
      gate: this.gate,
      fate,
      returned: () => Promise.resolve(this.returned),
      onCameBack: async (count) => {
        await new Promise((resolve) => setTimeout(resolve, 3));
        this.cameBack = count;
      },
      onCanaryPassed: () => {
        this.canaryPassed = this.returned;
        return Promise.resolve();
      },
      logger,
      pollMs: 1,
      canaryTimeoutMs: this.canaryTimeoutMs,
      finalTimeoutMs: 30,
    }).run(signal);
  }

  private async returnAll(signal: AbortSignal): Promise<void> {
    while (this.returned < this.letters) {
      signal.throwIfAborted();
      if (this.gate.admit(1) === 0) {
        await this.gate.whenOpen(signal);
        continue;
      }
      this.returned++;
      this.gate.done(1);
      if (this.returned % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
}

describe('the run of a plan', () => {
  it('finishes when every letter is returned, and counts what came back', async () => {
    const replay = new Replay(50, {}, 0.1);
    expect(await replay.run()).toEqual({ action: 'finish' });
    expect(replay).toMatchObject({ returned: 50, cameBack: 5 });
  });

  it('says when the fate of the last letters was not seen', async () => {
    const end = await new Replay(5, {}, 0, () => false).run();
    expect(end).toMatchObject({ action: 'finish', outcome: expect.stringContaining('not evaluated yet') as string });
  });

  it('returns the others behind a canary that has passed', async () => {
    const replay = new Replay(100, { canary: 8 }, 0.25);
    expect(await replay.run()).toEqual({ action: 'finish' });
    expect(replay).toMatchObject({ canaryPassed: 8, returned: 100 });
  });

  it('stops behind a canary of which too many came back', async () => {
    const replay = new Replay(100, { canary: 8 }, 1);
    expect(await replay.run()).toMatchObject({ action: 'stop', outcome: expect.stringContaining('8 of 8') as string });
    expect(replay).toMatchObject({ canaryPassed: 0, returned: 8 });
  });

  it('pauses when nobody evaluates the canary', async () => {
    const replay = new Replay(100, { canary: 8 }, 0, () => false);
    expect(await replay.run()).toMatchObject({ action: 'pause' });
    expect(replay.returned).toBe(8);
  });

  it('stops in the middle when too many come back, and never with a share of 1', async () => {
    const replay = new Replay(10_000, { stopAboveShare: 0.2 }, 0.5);
    expect(await replay.run()).toMatchObject({ action: 'stop' });
    expect(replay.returned).toBeLessThan(10_000);
    expect(await new Replay(300, { stopAboveShare: 1 }, 1).run()).toEqual({ action: 'finish' });
  });

  it('says how many letters were returned, also below the number from which on a share counts', async () => {
    const replay = new Replay(100, { canary: 15, stopAboveShare: 0.1 }, 0.5, () => false, 10_000);
    const { action, outcome } = await replay.run();
    expect(action).toBe('stop');
    const [, cameBack, returned] = /^(\d+) of (\d+) returned letters came back/.exec(outcome ?? '') ?? [];
    expect(Number(cameBack)).toBeGreaterThan(2);
    expect(Number(returned)).toBeLessThanOrEqual(15);
  });

  it('ends with the reason of its signal', async () => {
    const stopping = new AbortController();
    const running = new Replay(100, { canary: 8 }, 0, () => false).run(stopping.signal);
    stopping.abort(new Error('paused'));
    await expect(running).rejects.toThrow('paused');
  });
});
