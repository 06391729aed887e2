import { freePort } from '../../../test/support/free-port';
import { createHash } from 'node:crypto';
import { runService } from '@orderstream/service';
import type { Family } from '@orderstream/contracts';
import { createLogger } from '@orderstream/observability';
import type { Accounting } from '@orderstream/quality';
import { validatorDefinition } from '../src/validator.definition';
import { BROKERS } from './log';
import { waitUntil } from '@orderstream/deadlines';

const TOKEN = 'validator-test-token';

export interface ValidatorStatus {
  readonly settingsVersion: string;
  readonly evaluatesBy: Readonly<Record<string, string | number>>;
  readonly accounting: Readonly<Partial<Record<Family, Accounting>>>;
  readonly effectiveWindows: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly partitions: readonly {
    topic: string;
    partition: number;
    state: string;
    lag?: number;
    error?: string;
    withoutBreaker?: { recordsLeft?: number };
  }[];
}

/** The validator as `main.ts` starts it, in the process of the test. */
export class RunningValidator {
  private stopSignal: (() => void) | undefined;
  private stopping = false;
  private readonly exited = Promise.withResolvers<number>();

  private constructor(private readonly url: string) {}

  static async start(env: Readonly<Record<string, string>>): Promise<RunningValidator> {
    const port = await freePort();
    const running = new RunningValidator(`http://127.0.0.1:${String(port)}`);
    await runService(validatorDefinition(), {
      env: {
        KAFKA_BROKERS: BROKERS,
        HTTP_PORT: String(port),
        ADMIN_TOKENS: JSON.stringify([
          { name: 'test', role: 'operator', sha256: createHash('sha256').update(TOKEN).digest('hex') },
        ]),
        ...env,
      },
      logger: createLogger({ service: 'validator', level: 'fatal' }),
      host: {
        on: (event: string, listener: (argument: NodeJS.Signals) => void) => {
          if (event === 'SIGTERM') {
            running.stopSignal = () => {
              listener('SIGTERM');
            };
          }
        },
        stderr: process.stderr,
        exit: (code: number) => {
          running.exited.resolve(code);
        },
      },
    });
    return running;
  }

  /** Sends SIGTERM and resolves with the exit code. May be repeated. */
  async stop(): Promise<number> {
    if (!this.stopping) this.stopSignal?.();
    this.stopping = true;
    return this.exited.promise;
  }

  async get(path: string): Promise<{ status: number; text: string; etag: string }> {
    const response = await fetch(this.url + path, { headers: { authorization: `Bearer ${TOKEN}` } });
    return { status: response.status, text: await response.text(), etag: response.headers.get('etag') ?? '' };
  }

  post(path: string, body?: object): Promise<number> {
    return this.send('POST', path, body);
  }

  put(path: string, body: object, ifMatch: string): Promise<number> {
    return this.send('PUT', path, body, { 'if-match': ifMatch });
  }

  async status(): Promise<ValidatorStatus> {
    return JSON.parse((await this.get('/admin/status')).text) as ValidatorStatus;
  }

  async postJson(path: string, body: object): Promise<{ readonly status: number; readonly body: unknown }> {
    const response = await this.request('POST', path, body, {});
    return { status: response.status, body: await response.json() };
  }

  private async send(method: string, path: string, body?: object, headers: object = {}): Promise<number> {
    return (await this.request(method, path, body, headers)).status;
  }

  private request(method: string, path: string, body: object | undefined, headers: object): Promise<Response> {
    return fetch(this.url + path, {
      method,
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  /** Resolves when all assigned partitions run. */
  async ready(): Promise<void> {
    await waitUntil(async () => (await this.get('/health/ready')).status === 200, {
      what: 'the validator to be ready',
      deadlineMs: 30_000,
    });
  }

  async accounting(family: Family): Promise<Accounting> {
    const accounts = (await this.status()).accounting[family];
    if (accounts === undefined) throw new Error(`no accounts of ${family}`);
    return accounts;
  }
}
