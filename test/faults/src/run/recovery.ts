import { setTimeout as delay } from 'node:timers/promises';
import { DeadlineError } from '@orderstream/deadlines';
import { type TableReader } from '@orderstream/ledger';
import { type Recovering } from '../faults/fault';
import { type Positions, type Recovery } from './positions';

const LOOK_INTERVAL_MS = 300;
/** What was on its way when the fault ended may still arrive. */
const UNDER_WAY_MS = 200;
const DELIVERED_TABLE = 'streaming_orders';

/** Waits until somebody has come back from a fault, and says how long it took. */
export class Recoveries {
  constructor(
    private readonly positions: Positions,
    private readonly tables: TableReader,
  ) {}

  /**
   * @param since performance.now() of the fault's end
   * @throws DeadlineError
   */
  of(who: Recovering, since: number, deadlineMs: number): Promise<Recovery> {
    switch (who) {
      case 'order-generator':
        return grown(who, () => this.positions.produced(), since, deadlineMs);
      case 'subscription-emulator':
        return grown(who, () => this.delivered(), since, deadlineMs);
      default:
        return this.positions.recovery(who, since, deadlineMs);
    }
  }

  private async delivered(): Promise<number> {
    return (await this.tables.counts([DELIVERED_TABLE]))[DELIVERED_TABLE] ?? 0;
  }
}

/** For those who keep no position: they are back when what they bring about grows again. */
async function grown(
  name: Recovering,
  count: () => Promise<number>,
  since: number,
  deadlineMs: number,
): Promise<Recovery> {
  await delay(UNDER_WAY_MS);
  let before: number | undefined;
  for (;;) {
    const now = await count().catch(() => undefined);
    if (now !== undefined && before !== undefined && now > before) {
      const movedSeconds = (performance.now() - since) / 1_000;
      return { name, movedSeconds, caughtUpSeconds: undefined, backlog: undefined };
    }
    before ??= now;
    if (performance.now() - since > deadlineMs) throw new DeadlineError(`${name} to go on`, deadlineMs);
    await delay(LOOK_INTERVAL_MS);
  }
}
