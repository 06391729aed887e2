/** The lowest unsettled offset of one partition. */
export class OffsetTracker {
  constructor(private readonly maxUnsettled: number) {}
  track(offset: number): void {
    throw new Error(`not built yet: ${String(offset)} ${String(this.maxUnsettled)}`);
  }
  settle(offset: number): void {
    throw new Error(`not built yet: ${String(offset)}`);
  }
  committable(): number | undefined {
    throw new Error('not built yet');
  }
}
