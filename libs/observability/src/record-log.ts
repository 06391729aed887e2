import type { Logger } from './logger';
import { traceIdOf } from './traceparent';

/** A record's place in the log and its headers, as every line about one record names it. */
export interface LoggedRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly headers: Parameters<typeof traceIdOf>[0];
}

const WINDOW_MS = 1_000;

/**
 * Log lines about single records, with their trace id. At most so many a second, so that a flood of bad records does
 * not become a flood of lines; what was left out is told by the first line of a later second.
 */
export class RecordLog {
  private windowStartMs = -Infinity;
  private lines = 0;
  private leftOut = 0;

  constructor(
    private readonly logger: Pick<Logger, 'info'>,
    private readonly maxLinesPerSecond = 10,
    /** Monotonic, in milliseconds. */
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  info(
    { topic, partition, offset, headers }: LoggedRecord,
    fields: Readonly<Record<string, unknown>>,
    msg: string,
  ): void {
    const now = this.nowMs();
    if (now - this.windowStartMs >= WINDOW_MS) {
      this.windowStartMs = now;
      this.lines = 0;
    }
    if (this.lines >= this.maxLinesPerSecond) {
      this.leftOut++;
      return;
    }
    this.lines++;
    const left_out = this.leftOut === 0 ? undefined : this.leftOut;
    this.leftOut = 0;
    this.logger.info({ trace_id: traceIdOf(headers), topic, partition, offset, ...fields, left_out }, msg);
  }
}
