import { Cron } from 'croner';

/** More due times than a day has minutes. */
const MAX_TIMES = 1_500;

/** Times of a cron expression with five fields, in UTC. */
export class CronTimes {
  private readonly cron: Cron;

  /** @throws TypeError if it is no such expression */
  constructor(expression: string) {
    this.cron = new Cron(expression, { timezone: 'Etc/UTC', mode: '5-part', paused: true });
  }

  /** The first time after this one; undefined if there is none. */
  after(time: Date): Date | undefined {
    return this.cron.nextRun(time) ?? undefined;
  }

  /** The last time that is after `from` and not after `until`. */
  latest(from: Date, until: Date): Date | undefined {
    let latest: Date | undefined;
    let next = this.after(from);
    for (let times = 0; next !== undefined && next <= until && times < MAX_TIMES; times++) {
      latest = next;
      next = this.after(next);
    }
    return latest;
  }
}

/** Whether the expression has a next time. */
export function isCronExpression(text: string): boolean {
  try {
    return new CronTimes(text).after(new Date()) !== undefined;
  } catch {
    // The library has no other way to ask.
    return false;
  }
}
