import { setTimeout as delay } from 'node:timers/promises';
import { BenchProcess } from '../bench-process';
import { freePort } from '../free-port';
import { readUsage } from '../process-usage';

const DEADLINE_MS = 1_800_000;
const POLL_MS = 100;

/** The part of a plan that is measured. */
export interface Plan {
  readonly id: string;
  readonly revision: number;
  readonly state: string;
  readonly preview?: { readonly total: number };
  readonly progress: { readonly returned: number; readonly rejected: number; readonly parked: number };
  readonly error?: { readonly detail: string };
}

/** A console under measurement. */
export class BenchConsole {
  private constructor(
    private readonly process: BenchProcess,
    private readonly url: string,
    private readonly token: string,
  ) {}

  static async start(environment: Readonly<Record<string, string>>, folder: string): Promise<BenchConsole> {
    const port = await freePort();
    const env = { ...environment, HTTP_PORT: String(port), SERVICE_URLS: '{}' };
    const running = new BenchProcess('console', 'apps/console/src/main.js', env, folder);
    return new BenchConsole(running, `http://127.0.0.1:${String(port)}`, environment.BENCH_TOKEN ?? '');
  }

  get peakRssMb(): number {
    return Math.round(readUsage(this.process.pid).peakRssBytes / 1_048_576);
  }

  get cpuSeconds(): number {
    return readUsage(this.process.pid).cpuSeconds;
  }

  stop(): Promise<void> {
    return this.process.stop();
  }

  async get<T>(path: string): Promise<T> {
    return this.call<T>('GET', path);
  }

  async post<T>(path: string, body?: object, headers: Readonly<Record<string, string>> = {}): Promise<T> {
    return this.call<T>('POST', path, body, headers);
  }

  /** Asks until the answer is wanted. @returns it */
  async until<T>(path: string, what: string, isWanted: (answer: T) => boolean): Promise<T> {
    const deadline = performance.now() + DEADLINE_MS;
    for (;;) {
      this.process.assertAlive();
      try {
        const answer = await this.get<T>(path);
        if (isWanted(answer)) return answer;
      } catch (error) {
        if (performance.now() >= deadline) throw error;
      }
      if (performance.now() >= deadline) {
        throw new Error(`${what} took more than ${String(DEADLINE_MS / 1000)} s, log: ${this.process.logFile}`);
      }
      await delay(POLL_MS);
    }
  }

  private async call<T>(
    method: string,
    path: string,
    body?: object,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<T> {
    const response = await fetch(this.url + path, {
      method,
      headers: { authorization: `Bearer ${this.token}`, 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} answered ${String(response.status)}: ${text.slice(0, 500)}`);
    return JSON.parse(text) as T;
  }
}
