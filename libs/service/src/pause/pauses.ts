import { type Health, type Logger, METRIC, type Metrics } from '@orderstream/observability';
import { z } from 'zod';
import { type ServiceControl } from '../service-control';
import { type ChangeRequest, type RuntimeSettings } from '../settings/runtime-settings';

const stored = z.object({ paused: z.boolean(), since: z.string(), until: z.string().optional() });

/** Why the instance does not take work. */
export interface Pause {
  /** `service`: all instances, over restarts. `instance`: this one, until its end or a restart. */
  readonly scope: 'service' | 'instance';
  readonly by: string;
  readonly since: string;
  /** When it ends by itself; undefined: with `POST /admin/resume`. */
  readonly until?: string | undefined;
}

export interface PausesOptions {
  readonly service: string;
  readonly settings: RuntimeSettings;
  /** Undefined for a service that cannot be paused. */
  readonly control: () => ServiceControl | undefined;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly logger: Pick<Logger, 'info' | 'error'>;
  readonly now?: () => number;
}

type By = ChangeRequest['audit'];

/** The setting of a service's pause. */
const pauseSubject = (service: string): string => `pause.${service}`;

/**
 * Pauses the service while one of two holds: the setting `pause.<service>`, which every instance follows over restarts, or
 * a lease of this instance alone. The first has an end or lasts until it is resumed; a lease always has an end.
 */
export class Pauses {
  private readonly subject: string;
  private readonly now: () => number;
  private lease: (Pause & { readonly until: string }) | undefined;
  private isApplied = false;
  private isResuming = false;
  private isOpen = false;
  private timer: NodeJS.Timeout | undefined;
  private last: Promise<void> = Promise.resolve();

  constructor(private readonly options: PausesOptions) {
    const { service, settings, health, metrics, now = Date.now } = options;
    this.subject = pauseSubject(service);
    this.now = now;
    settings.onChange(({ subject }) => {
      if (subject === this.subject) this.applySoon();
    });
    health.ready('pause', () => {
      const pause = this.current;
      return { ok: pause === undefined, ...(pause && { detail: describe(pause) }) };
    });
    metrics.gauge(METRIC.paused, (gauge) => {
      gauge.set({ scope: 'service' }, this.ofService === undefined ? 0 : 1);
      gauge.set({ scope: 'instance' }, this.ofInstance === undefined ? 0 : 1);
    });
  }

  get current(): Pause | undefined {
    return this.ofService ?? this.ofInstance;
  }

  get revision(): number {
    return this.options.settings.revisionOf(this.subject);
  }

  /**
   * For a service that begins its work before `open`: whether it must not begin. If the pause has ended by then, `open`
   * resumes the service.
   */
  startsPaused(): boolean {
    this.isApplied = this.current !== undefined;
    return this.isApplied;
  }

  /** Pauses the service if it is to be paused. From now on, changes take effect. Call it before the first record is taken. */
  async open(): Promise<void> {
    this.isOpen = true;
    await this.apply();
  }

  close(): void {
    clearTimeout(this.timer);
    this.isOpen = false;
  }

  /** Pauses every instance, over restarts. @throws RevisionStaleError, OperatorLogError: see `RuntimeSettings.change` */
  async pauseService(forMs: number | undefined, by: By, expected?: number): Promise<void> {
    const since = this.now();
    const until = forMs === undefined ? undefined : new Date(since + forMs).toISOString();
    const value = { paused: true, since: new Date(since).toISOString(), until };
    await this.options.settings.change({ subject: this.subject, value, expected, audit: by });
    await this.apply();
  }

  /** Pauses this instance. A further lease replaces the end, earlier or later. */
  async pauseInstance(seconds: number, by: string): Promise<void> {
    const now = this.now();
    const since = this.ofInstance?.since ?? new Date(now).toISOString();
    this.lease = { scope: 'instance', by, since, until: new Date(now + seconds * 1_000).toISOString() };
    await this.apply();
  }

  /**
   * Ends both pauses, and calls the service's `resume` with the body, which also retries stopped partitions.
   *
   * @throws RevisionStaleError, OperatorLogError: the service stays paused
   */
  async resume(body: object | undefined, by: By, expected?: number): Promise<void> {
    this.isResuming = true;
    try {
      if (this.ofService !== undefined || expected !== undefined) {
        const value = { paused: false, since: new Date(this.now()).toISOString() };
        await this.options.settings.change({ subject: this.subject, value, expected, audit: by });
      }
      this.lease = undefined;
      await this.inTurn(async () => {
        await this.options.control()?.resume(body);
        this.isApplied = false;
      });
    } finally {
      this.isResuming = false;
      // Another operator may have paused it again meanwhile.
      await this.apply();
    }
  }

  private get ofService(): Pause | undefined {
    const setting = this.options.settings.get(this.subject);
    const value = stored.safeParse(setting?.value).data;
    if (setting === undefined || value?.paused !== true || this.isOver(value.until)) return undefined;
    return { scope: 'service', by: setting.changedBy, since: value.since, until: value.until };
  }

  private get ofInstance(): Pause | undefined {
    return this.lease === undefined || this.isOver(this.lease.until) ? undefined : this.lease;
  }

  private isOver(until: string | undefined): boolean {
    return until !== undefined && this.now() >= Date.parse(until);
  }

  /** An error is logged. */
  private applySoon(): void {
    this.apply().catch(() => undefined);
  }

  /** Brings the service to what is to be, and again when a pause ends. */
  private async apply(): Promise<void> {
    if (!this.isOpen) return;
    clearTimeout(this.timer);
    const ends = [this.ofService?.until, this.ofInstance?.until].filter((end) => end !== undefined).map(Date.parse);
    if (ends.length > 0) {
      this.timer = setTimeout(
        () => {
          this.applySoon();
        },
        Math.max(0, Math.min(...ends) - this.now()),
      ).unref();
    }
    if (this.isResuming) return;
    await this.inTurn(() => this.bringAbout());
  }

  private async bringAbout(): Promise<void> {
    const pause = this.current;
    const control = this.options.control();
    if (control === undefined || (pause !== undefined) === this.isApplied) return;
    try {
      if (pause === undefined) {
        this.options.logger.info({}, 'the pause has ended');
        await control.resume();
      } else {
        this.options.logger.info({ ...pause }, describe(pause));
        await control.pause();
      }
      this.isApplied = pause !== undefined;
    } catch (error) {
      const command = pause === undefined ? 'resume' : 'pause';
      this.options.logger.error({ err: error }, `the service cannot ${command}: POST /admin/${command}`);
      throw error;
    }
  }

  /** Runs one after the other. */
  private inTurn(step: () => Promise<void>): Promise<void> {
    const turn = this.last.then(step);
    this.last = turn.catch(() => undefined);
    return turn;
  }
}

/** `paused by ann since 2026-11-26T21:00:00.000Z until …` */
function describe({ scope, by, since, until }: Pause): string {
  const what = scope === 'instance' ? 'this instance is paused' : 'paused';
  return `${what} by ${by} since ${since}${until === undefined ? ', until POST /admin/resume' : ` until ${until}`}`;
}
