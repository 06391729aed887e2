import { figuresOf, readScrape, type Figures, type Scrape } from './service-figures';

export interface ServiceProbeOptions {
  readonly name: string;
  readonly url: string;
  /** Bearer token of a viewer; without one, `/admin/status` is not asked for. */
  readonly token: string | undefined;
  readonly timeoutMs: number;
}

/** What a service answered. */
export interface ServiceReport {
  readonly name: string;
  readonly url: string;
  /** `ready` and `not-ready` are what `/health/ready` says. */
  readonly state: 'ready' | 'not-ready' | 'unreachable';
  /** Why it is unreachable, or what of its answer is missing. */
  readonly error?: string;
  /** The failing checks of `/health/ready`, by name. */
  readonly checks?: Readonly<Record<string, unknown>>;
  readonly figures?: Figures;
  /** `/admin/status` of the service. */
  readonly status?: unknown;
}

/** Larger answers are those of another program. */
const MAX_BYTES = 8 * 1_048_576;
/** A rate over less time says little. */
const MIN_BETWEEN_MS = 3_000;
/** A rate over more time is not of now. */
const MAX_BETWEEN_MS = 120_000;

/** Asks one service. Remembers a scrape, so that the next one gives rates. */
export class ServiceProbe {
  private before: Scrape | undefined;
  private latest: Scrape | undefined;

  constructor(private readonly options: ServiceProbeOptions) {}

  /** Never rejects: a service that does not answer in time is `unreachable`. */
  async ask(): Promise<ServiceReport> {
    const { name, url, token } = this.options;
    const problems: string[] = [];
    const orProblem = async <T>(path: string, read: () => Promise<T>): Promise<T | undefined> => {
      try {
        return await read();
      } catch (error) {
        problems.push(`${path}: ${reasonOf(error)}`);
        return undefined;
      }
    };
    const [health, figures, status] = await Promise.all([
      orProblem('/health/ready', () => this.health()),
      orProblem('/metrics', () => this.figures()),
      token === undefined ? undefined : orProblem('/admin/status', () => this.json('/admin/status', [200])),
    ]);
    const error = problems.length === 0 ? {} : { error: problems.join('; ') };
    if (health === undefined) return { name, url, state: 'unreachable', ...error };
    return {
      ...{ name, url, state: health.isReady ? 'ready' : 'not-ready' },
      ...error,
      ...(health.isReady ? {} : { checks: health.failing }),
      ...(figures === undefined ? {} : { figures }),
      ...(status === undefined ? {} : { status }),
    };
  }

  private async health(): Promise<{ isReady: boolean; failing: Readonly<Record<string, unknown>> }> {
    const report = await this.json('/health/ready', [200, 503]);
    if (typeof report !== 'object' || report === null || !('checks' in report)) {
      throw new Error('the answer is not that of a service');
    }
    const checks = Object.entries(report.checks as Readonly<Record<string, { ok?: unknown; detail?: unknown }>>);
    const failing = checks.filter(([, check]) => check.ok !== true).map(([name, { detail }]) => [name, detail ?? null]);
    return { isReady: failing.length === 0, failing: Object.fromEntries(failing) as Record<string, unknown> };
  }

  private async figures(): Promise<Figures> {
    const now = readScrape(await this.text('/metrics', [200]), performance.now());
    const { latest } = this;
    if (latest === undefined || now.atMs - latest.atMs >= MIN_BETWEEN_MS) {
      this.before = latest;
      this.latest = now;
    }
    const isRecent = this.before !== undefined && now.atMs - this.before.atMs <= MAX_BETWEEN_MS;
    return figuresOf(now, isRecent ? this.before : undefined);
  }

  private async json(path: string, expected: readonly number[]): Promise<unknown> {
    return JSON.parse(await this.text(path, expected)) as unknown;
  }

  private async text(path: string, expected: readonly number[]): Promise<string> {
    const { url, token, timeoutMs } = this.options;
    const response = await fetch(url + path, {
      headers: token !== undefined && path.startsWith('/admin/') ? { authorization: `Bearer ${token}` } : {},
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    });
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      if (text.length > MAX_BYTES) throw new Error(`the answer is larger than ${String(MAX_BYTES)} bytes`);
    }
    if (!expected.includes(response.status)) throw new Error(`status ${String(response.status)}`);
    return text;
  }
}

/** The reason of a failed fetch is in its cause. */
function reasonOf(error: unknown): string {
  const { name, message, cause } = error as { name?: unknown; message?: unknown; cause?: { message?: unknown } };
  if (name === 'TimeoutError') return 'no answer in time';
  const reason = cause?.message ?? message;
  return typeof reason === 'string' && reason !== '' ? reason : String(error);
}
