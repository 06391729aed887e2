import { type CronTimes } from './cron';

/** A time that was missed for longer is not made up for. */
const CATCH_UP_MS = 86_400_000;
/** The clock of the machine may jump. */
const MAX_SLEEP_MS = 30_000;

export interface FollowOptions {
  readonly times: CronTimes;
  readonly signal: AbortSignal;
  readonly now: () => Date;
  /** Resolves after the time, or when the signal aborts. */
  readonly sleep: (ms: number) => Promise<void>;
  /** @param isCatchUp the time was before the start */
  readonly run: (due: Date, isCatchUp: boolean) => Promise<void>;
}

/**
 * Runs each time of the schedule once, one after the other, until the signal aborts: at the start the latest one of the
 * last day; of several that pass during a run, the latest.
 */
export async function followSchedule({ times, signal, now, sleep, run }: FollowOptions): Promise<void> {
  const startedAt = now();
  let since = new Date(startedAt.getTime() - CATCH_UP_MS);
  while (!signal.aborted) {
    const due = times.latest(since, now());
    if (due === undefined) {
      const next = times.after(now());
      await sleep(Math.max(1, Math.min(MAX_SLEEP_MS, (next?.getTime() ?? Infinity) - now().getTime())));
      continue;
    }
    since = due;
    await run(due, due <= startedAt);
  }
}
