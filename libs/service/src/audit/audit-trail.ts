import { type Logger, METRIC, type Metrics } from '@orderstream/observability';
import { OperatorLogError } from '../operator-log/errors';
import { type OperatorLog } from '../operator-log/operator-log';
import { type AuditEntry, BEGUN, encodeAudit } from './audit-entry';

const WRITE_TIMEOUT_MS = 5_000;
/** Entries that wait for the broker. The log of the service has all of them. */
const MAX_WAITING = 1_000;
const MAX_BATCH = 100;
/** Commands that wait for their entry. */
const MAX_BEGINNING = 16;
const RETRY_MS = { first: 1_000, max: 30_000 };
const STOP_TIMEOUT_MS = 2_000;

export interface AuditTrailOptions {
  readonly log: OperatorLog;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly timing?: {
    readonly writeTimeoutMs: number;
    readonly retryMs: { readonly first: number; readonly max: number };
  };
}

/**
 * Writes the audit topic. Every entry with an outcome is also a line of the log with `audit: true`.
 *
 * Failure semantics: `before` resolves when the entry is stored; a command runs only after that, so that nothing is
 * changed without an entry. What is recorded `later` waits in memory while the broker does not answer: a kill loses it from
 * the topic, not from the log. An entry may be stored twice after a write without an answer; its request id and its
 * status are the same.
 */
export class AuditTrail {
  private readonly waiting: AuditEntry[] = [];
  private readonly dropped;
  private beginning = 0;
  private isPumping = false;
  private isStopping = false;
  private wake: () => void = () => undefined;

  constructor(private readonly options: AuditTrailOptions) {
    options.metrics.gauge(METRIC.auditWaiting, (gauge) => {
      gauge.set(this.waiting.length);
    });
    this.dropped = options.metrics.counter(METRIC.auditDropped);
    this.dropped.inc(0);
  }

  /** Stores the entry of a command that has not begun. @throws OperatorLogError within 5 s: the command must not run */
  async before(entry: Omit<AuditEntry, 'status' | 'at'>): Promise<void> {
    if (this.beginning >= MAX_BEGINNING)
      throw new OperatorLogError('Too many commands wait for their audit. This one was not carried out.');
    this.beginning++;
    try {
      await this.write([{ ...entry, at: new Date().toISOString(), status: BEGUN }]);
    } catch (cause) {
      throw new OperatorLogError(
        'The audit of this command cannot be written, so that it was not carried out: Kafka does not answer. ' +
          'What is possible without it: POST /admin/pause {"seconds": N} on each instance.',
        cause,
      );
    } finally {
      this.beginning--;
    }
  }

  /** Stores the entry as soon as the broker takes it. */
  later(entry: Omit<AuditEntry, 'at'>): void {
    const complete: AuditEntry = { ...entry, at: new Date().toISOString() };
    this.log(entry);
    if (this.waiting.length >= MAX_WAITING) {
      this.waiting.shift();
      this.dropped.inc();
      this.options.logger.error(
        { maxWaiting: MAX_WAITING },
        'the oldest audit entry that waits for Kafka is only in this log now',
      );
    }
    this.waiting.push(complete);
    void this.pump();
  }

  /** A line of the log for an entry that is stored already. */
  log(entry: Omit<AuditEntry, 'at'>): void {
    this.options.logger.info({ audit: true, ...entry }, `${entry.actor}: ${entry.action}`);
  }

  /** Gives the entries that wait 2 s. */
  async stop(): Promise<void> {
    this.isStopping = true;
    this.wake();
    if (this.waiting.length === 0) return;
    await this.write(this.waiting.slice(0, MAX_WAITING), STOP_TIMEOUT_MS).catch((error: unknown) => {
      this.options.logger.error({ err: error, entries: this.waiting.length }, 'audit entries are only in this log');
    });
  }

  private async pump(): Promise<void> {
    if (this.isPumping) return;
    this.isPumping = true;
    const { first, max } = this.options.timing?.retryMs ?? RETRY_MS;
    let retryMs = first;
    while (this.waiting.length > 0 && !this.isStopping) {
      const batch = this.waiting.slice(0, MAX_BATCH);
      try {
        // Without a deadline of its own: a write that is given up here could still be stored, and the next one too.
        await this.options.log.audit(batch.map(encodeAudit));
        // What was dropped meanwhile is not in front any more.
        while (this.waiting[0] !== undefined && batch.includes(this.waiting[0])) this.waiting.shift();
        retryMs = first;
      } catch (error) {
        this.options.logger.warn({ err: error, entries: this.waiting.length }, 'the audit waits for Kafka');
        await new Promise<void>((resolve) => {
          this.wake = resolve;
          setTimeout(resolve, retryMs / 2 + (Math.random() * retryMs) / 2).unref();
        });
        retryMs = Math.min(2 * retryMs, max);
      }
    }
    this.isPumping = false;
  }

  private async write(entries: readonly AuditEntry[], timeoutMs = this.writeTimeoutMs): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new OperatorLogError(`The audit was not stored within ${String(timeoutMs)} ms.`));
      }, timeoutMs);
    });
    const writing = this.options.log.audit(entries.map(encodeAudit));
    writing.catch(() => undefined);
    try {
      await Promise.race([writing, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  private get writeTimeoutMs(): number {
    return this.options.timing?.writeTimeoutMs ?? WRITE_TIMEOUT_MS;
  }
}
