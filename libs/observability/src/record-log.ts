import type { Logger } from './logger';
import { traceIdOf } from './traceparent';

/** The coordinates and headers of the record that a line is about. */
export interface LoggedRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly headers: Parameters<typeof traceIdOf>[0];
}

const WINDOW_MS = 1_000;

/**
 * Writes log lines about single records, with their coordinates and trace id. The rate is limited; the next line that is
 * written counts the omitted ones in `left_out`.
 */
export class RecordLog {
  private windowStartMs = -Infinity;
  private lines = 0;
  private omitted = 0;

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
      this.omitted++;
      return;
    }
    this.lines++;
    const left_out = this.omitted === 0 ? undefined : this.omitted;
    this.omitted = 0;
    this.logger.info({ trace_id: traceIdOf(headers), topic, partition, offset, ...fields, left_out }, msg);
  }
}
