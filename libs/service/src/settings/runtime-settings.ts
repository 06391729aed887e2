import { randomUUID } from 'node:crypto';
import { type Logger, METRIC, type Metrics } from '@orderstream/observability';
import { type AuditEntry, encodeAudit } from '../audit/audit-entry';
import { OperatorLogError } from '../operator-log/errors';
import { type OperatorLog, type StoredChange, type StoredSetting } from '../operator-log/operator-log';
import { RevisionStaleError } from './revision-error';
import { decodeSetting, encodeSetting, type Setting } from './setting';

/** Answers a command within the timeout of its callers. */
const CHANGE_TIMEOUT_MS = 10_000;
/** Changes that wait for the one before them. */
const MAX_WAITING = 16;
/** More than all rules and services. What comes beyond is ignored: it is no setting of this version. */
const MAX_SUBJECTS = 500;

export interface ChangeRequest {
  readonly subject: string;
  readonly value: unknown;
  /** The revision that the caller has read; undefined: whatever it is. */
  readonly expected: number | undefined;
  readonly audit: Pick<AuditEntry, 'actor' | 'role' | 'action' | 'requestId'>;
}

export interface RuntimeSettingsOptions {
  readonly log: OperatorLog;
  readonly service: string;
  readonly logger: Pick<Logger, 'info' | 'error'>;
  readonly metrics: Metrics;
  readonly changeTimeoutMs?: number;
}

/**
 * What operators have changed at run time: the last value of every subject. Every instance of every service follows it,
 * and it overrides the environment.
 *
 * Failure semantics: `OperatorLog.append`. A change that was answered is stored with its audit entry, and applied here;
 * other instances apply it when they read it. After an OperatorLogError it is stored or not, and reading the subject shows
 * which.
 */
export class RuntimeSettings {
  private readonly current = new Map<string, Setting>();
  private readonly listeners: ((setting: Setting) => void)[] = [];
  private readonly started = Promise.withResolvers<undefined>();
  private last: Promise<unknown> = Promise.resolve();
  private waiting = 0;
  private isCaughtUp = false;
  private latest = 0;

  constructor(private readonly options: RuntimeSettingsOptions) {
    this.started.promise.catch(() => undefined);
    options.metrics.gauge(METRIC.settingsRevision, (gauge) => {
      gauge.set(this.latest);
    });
  }

  /** Resolves when all settings that are stored are known. */
  async start(): Promise<void> {
    try {
      await this.options.log.follow((stored) => {
        this.take(stored);
      });
      this.isCaughtUp = true;
      this.started.resolve(undefined);
    } catch (error) {
      this.started.reject(error);
      throw error;
    }
  }

  /** Resolves when `start` has. */
  get caughtUp(): Promise<undefined> {
    return this.started.promise;
  }

  /** Why the settings are not current; undefined when they are. */
  get problem(): string | undefined {
    const { failed } = this.options.log;
    if (failed !== undefined) return `the settings are not followed any more: ${failed.message}`;
    return this.isCaughtUp ? undefined : 'reading the settings';
  }

  /** The highest revision of all subjects. */
  get revision(): number {
    return this.latest;
  }

  get(subject: string): Setting | undefined {
    return this.current.get(subject);
  }

  revisionOf(subject: string): number {
    return this.current.get(subject)?.revision ?? 0;
  }

  all(): readonly Setting[] {
    return [...this.current.values()].sort((a, b) => (a.subject < b.subject ? -1 : 1));
  }

  /** Calls the listener for each setting that is read from now on. It must not throw. */
  onChange(listener: (setting: Setting) => void): void {
    this.listeners.push(listener);
  }

  /**
   * Changes one subject. Resolves when the change is stored with its audit entry, and known here.
   *
   * @throws RevisionStaleError; OperatorLogError within 10 s
   */
  async change(request: ChangeRequest): Promise<Setting> {
    if (this.waiting >= MAX_WAITING) throw new OperatorLogError('Too many changes wait. Nothing was changed.');
    const timeoutMs = this.options.changeTimeoutMs ?? CHANGE_TIMEOUT_MS;
    const late = new OperatorLogError(
      `${request.subject} was not stored within ${String(Math.round(timeoutMs / 1000))} s: Kafka does not answer. ` +
        'Read the setting before you try again: a change that was already sent may take effect.',
    );
    const deadline = new AbortController();
    const timer = setTimeout(() => {
      deadline.abort(late);
    }, timeoutMs);
    const expired = new Promise<never>((_, reject) => {
      deadline.signal.addEventListener('abort', () => {
        reject(late);
      });
    });
    this.waiting++;
    const changed = this.last.then(() => this.changeNow(request, deadline.signal));
    this.last = changed
      .catch(() => undefined)
      .finally(() => {
        this.waiting--;
      });
    try {
      return await Promise.race([changed, expired]);
    } finally {
      clearTimeout(timer);
    }
  }

  private async changeNow(request: ChangeRequest, signal: AbortSignal): Promise<Setting> {
    const { subject } = request;
    const changeId = randomUUID();
    const seen = Promise.withResolvers<Setting>();
    let isStored = false;
    // Not asked of the current setting: a later change of another instance may have followed this one.
    const listener = (setting: Setting): void => {
      if (setting.subject !== subject || setting.changeId !== changeId) return;
      isStored = true;
      seen.resolve(setting);
    };
    const abort = (): void => {
      seen.reject(signal.reason as Error);
    };
    seen.promise.catch(() => undefined);
    signal.addEventListener('abort', abort);
    this.listeners.push(listener);
    try {
      await this.options.log.append(() => (isStored ? undefined : this.storedChange(request, changeId)), signal);
      return await seen.promise;
    } catch (cause) {
      if (cause instanceof RevisionStaleError || cause instanceof OperatorLogError) throw cause;
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new OperatorLogError(`${subject} was not stored: ${why}`, cause);
    } finally {
      this.listeners.splice(this.listeners.indexOf(listener), 1);
      signal.removeEventListener('abort', abort);
    }
  }

  /** @throws RevisionStaleError */
  private storedChange({ subject, value, expected, audit }: ChangeRequest, changeId: string): StoredChange {
    const before = this.current.get(subject);
    const revision = before?.revision ?? 0;
    if (expected !== undefined && expected !== revision) {
      throw new RevisionStaleError(subject, expected, revision, before?.changedBy);
    }
    const { service } = this.options;
    const at = new Date().toISOString();
    return {
      subject,
      value: encodeSetting({ value, changedBy: audit.actor, changedAt: at, changeId }),
      audit: encodeAudit({ ...audit, at, service, subject, before: before?.value ?? null, after: value, status: 200 }),
    };
  }

  private take({ subject, value, revision }: StoredSetting): void {
    this.latest = Math.max(this.latest, revision);
    const setting = decodeSetting(subject, value, revision);
    if (setting === undefined || (!this.current.has(subject) && this.current.size >= MAX_SUBJECTS)) {
      this.options.logger.error({ subject, revision }, 'a record of the settings cannot be read; it is ignored');
      return;
    }
    this.current.set(subject, setting);
    const { value: now, changedBy, changedAt } = setting;
    this.options.logger.info({ subject, value: now, revision, changedBy, changedAt }, 'a setting has changed');
    for (const listener of [...this.listeners]) listener(setting);
  }
}
