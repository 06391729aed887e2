import * as fc from 'fast-check';
import { type Awaited, CatalogProgress } from './catalog-progress';

const STALL_MS = 60_000;

/** Two partitions, of which the first has been read up to 10 and the second up to 5, and a broker that answers. */
class AnsweredProgress extends CatalogProgress {
  override awaited(ends: readonly number[], nowMs: number): Awaited {
    // Ten times a second in truth; each time before the progress is looked at is enough.
    for (const partition of [0, 1]) this.answer(partition, nowMs);
    return super.awaited(ends, nowMs);
  }

  override advance(partition: number, rawOffset: number, nowMs: number): void {
    this.answer(partition, nowMs);
    super.advance(partition, rawOffset, nowMs);
  }

  private answer(partition: number, nowMs: number): void {
    for (let atMs = this.lastMs[partition] ?? nowMs; atMs < nowMs; atMs += 4_000) this.answered(partition, atMs);
    this.answered(partition, nowMs);
    this.lastMs[partition] = nowMs;
  }

  private readonly lastMs: number[] = [];
}

function progressAt(nowMs: number): CatalogProgress {
  const progress = new AnsweredProgress(STALL_MS);
  progress.advance(0, 10, nowMs);
  progress.advance(1, 5, nowMs);
  return progress;
}

describe('CatalogProgress', () => {
  it('is complete where what is awaited has been read, also without a record', () => {
    expect(progressAt(0).awaited([10, 5], 0)).toBe('complete');
    expect(new CatalogProgress(STALL_MS).awaited([0, 0], 0)).toBe('complete');
  });

  it('waits, however long nothing was announced before, and is behind when nothing is added for the whole time', () => {
    const progress = progressAt(0);
    const startMs = 3_600_000;
    expect(progress.awaited([12, 5], startMs)).toBe('waiting');
    expect(progress.awaited([12, 5], startMs + STALL_MS - 1)).toBe('waiting');
    expect(progress.awaited([12, 5], startMs + STALL_MS)).toBe('behind');
  });

  it('waits on while an awaited partition advances', () => {
    const progress = progressAt(0);
    expect(progress.awaited([20, 5], 0)).toBe('waiting');
    for (let step = 1; step < 10; step++) {
      progress.advance(0, 10 + step, step * STALL_MS - step);
      expect(progress.awaited([20, 5], step * STALL_MS)).toBe('waiting');
    }
    progress.advance(0, 20, 10 * STALL_MS);
    expect(progress.awaited([20, 5], 10 * STALL_MS)).toBe('complete');
  });

  it('counts only what advances an awaited partition', () => {
    const progress = progressAt(0);
    expect(progress.awaited([12, 5], 0)).toBe('waiting');
    progress.advance(1, 99, STALL_MS - 1);
    progress.advance(0, 10, STALL_MS - 1);
    expect(progress.awaited([12, 5], STALL_MS)).toBe('behind');
  });

  it('stays behind for the records that follow, until something is added', () => {
    const progress = progressAt(0);
    progress.awaited([12, 5], 0);
    expect(progress.awaited([14, 8], STALL_MS)).toBe('behind');
    expect(progress.awaited([15, 9], 2 * STALL_MS)).toBe('behind');
    progress.advance(0, 11, 2 * STALL_MS);
    expect(progress.awaited([15, 9], 2 * STALL_MS + 1)).toBe('waiting');
  });

  it('begins a new wait when the former one has been fulfilled unobserved', () => {
    const progress = progressAt(0);
    progress.awaited([12, 5], 0);
    expect(progress.awaited([12, 5], STALL_MS)).toBe('behind');
    progress.advance(0, 12, STALL_MS + 1);
    expect(progress.awaited([13, 5], 10 * STALL_MS)).toBe('waiting');
    expect(progress.awaited([13, 5], 11 * STALL_MS - 1)).toBe('waiting');
    expect(progress.awaited([13, 5], 11 * STALL_MS)).toBe('behind');
  });

  describe('while a broker is away', () => {
    const GAP_MS = 90_000;
    /** Answers both partitions four times a second in [from, until), and returns what the wait for [12, 5] has become. */
    const follow = (progress: CatalogProgress, fromMs: number, untilMs: number, partitions = [0, 1]): Set<Awaited> => {
      const seen = new Set<Awaited>();
      for (let nowMs = fromMs; nowMs < untilMs; nowMs += 250) {
        for (const partition of partitions) progress.answered(partition, nowMs);
        seen.add(progress.awaited([12, 5], nowMs));
      }
      return seen;
    };
    const read = (): CatalogProgress => {
      const progress = new CatalogProgress(STALL_MS);
      progress.advance(0, 10, 0);
      progress.advance(1, 5, 0);
      return progress;
    };

    it('does not count as behind: the clock begins again with the first answer', () => {
      const progress = read();
      expect([...follow(progress, 0, 10_000)]).toEqual(['waiting']);
      // 90 s without an answer.
      expect([...follow(progress, 10_000, 10_000 + GAP_MS, [])]).toEqual(['waiting']);
      const backMs = 10_000 + GAP_MS;
      expect([...follow(progress, backMs, backMs + STALL_MS)]).toEqual(['waiting']);
      // The catalog answers, and makes no progress.
      progress.answered(0, backMs + STALL_MS);
      expect(progress.awaited([12, 5], backMs + STALL_MS)).toBe('behind');
    });

    it('does not count as behind when only the partition that is awaited has no broker', () => {
      const progress = read();
      follow(progress, 0, 1_000);
      expect([...follow(progress, 1_000, 1_000 + GAP_MS, [1])]).toEqual(['waiting']);
      expect([...follow(progress, 1_000 + GAP_MS, 1_000 + 2 * GAP_MS)]).toEqual(['waiting', 'behind']);
    });

    it('counts as behind when only a partition that is not awaited has no broker', () => {
      expect([...follow(read(), 0, GAP_MS, [0])]).toEqual(['waiting', 'behind']);
    });

    it('ends with an answer before anything that is read: a process that was stopped is not behind', () => {
      const progress = read();
      follow(progress, 0, 1_000);
      expect(progress.awaited([12, 5], 1_000 + GAP_MS)).toBe('waiting');
      progress.answered(0, 1_000 + GAP_MS);
      expect(progress.awaited([12, 5], 1_000 + GAP_MS)).toBe('waiting');
    });

    it('is never behind before the awaited partition was answered for the whole time, whatever the gaps are', () => {
      fc.assert(
        fc.property(fc.array(fc.integer({ min: 1, max: 20_000 }), { maxLength: 60 }), (steps) => {
          const progress = read();
          progress.answered(0, 0);
          progress.awaited([12, 5], 0);
          let [nowMs, withoutGapMs] = [0, 0];
          for (const step of steps) {
            nowMs += step;
            withoutGapMs = step > 5_000 ? 0 : withoutGapMs + step;
            progress.answered(0, nowMs);
            expect(progress.awaited([12, 5], nowMs)).toBe(withoutGapMs >= STALL_MS ? 'behind' : 'waiting');
          }
        }),
      );
    });
  });
});
