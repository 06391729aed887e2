import { CatalogProgress } from './catalog-progress';

const STALL_MS = 60_000;

/** Progress over two partitions, of which the first has been read up to 10 and the second up to 5. */
function progressAt(nowMs: number): CatalogProgress {
  const progress = new CatalogProgress(STALL_MS);
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
});
