const WINDOW_MS = 10_000;
const SLOT_MS = 500;

/** Events per second over the last ten seconds. */
export class AchievedRate {
  private readonly slots: { readonly atMs: number; count: number }[] = [];
  private sinceMs: number | undefined;

  add(count: number, nowMs: number): void {
    this.sinceMs ??= nowMs;
    const last = this.slots.at(-1);
    if (last !== undefined && nowMs - last.atMs < SLOT_MS) last.count += count;
    else this.slots.push({ atMs: nowMs, count });
    this.drop(nowMs);
  }

  at(nowMs: number): number {
    this.drop(nowMs);
    const total = this.slots.reduce((sum, { count }) => sum + count, 0);
    const spanMs = Math.min(WINDOW_MS, Math.max(nowMs - (this.sinceMs ?? nowMs), SLOT_MS));
    return (total * 1000) / spanMs;
  }

  private drop(nowMs: number): void {
    while ((this.slots[0]?.atMs ?? Infinity) < nowMs - WINDOW_MS) this.slots.shift();
  }
}
