import { runService } from '@orderstream/service';
import { createLogger } from '@orderstream/observability';
import { FakeProcess, LogLines, OPERATOR, TOKENS, VIEWER } from '../../../test/support/fake-process';
import { consoleDefinition } from '../src/console.definition';

export const BROKERS = process.env.TEST_KAFKA_BROKERS ?? '';

export interface Answer<T> {
  readonly status: number;
  readonly body: T;
  readonly headers: Headers;
}

export interface Call {
  readonly role?: 'viewer' | 'operator';
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The console as `main.ts` starts it, in the process of the test. */
export class RunningConsole {
  private constructor(
    readonly url: string,
    private readonly host: FakeProcess,
    readonly log: LogLines,
  ) {}

  static async start(env: Readonly<Record<string, string>> = {}): Promise<RunningConsole> {
    const host = new FakeProcess();
    const log = new LogLines();
    await runService(consoleDefinition(), {
      env: {
        KAFKA_BROKERS: BROKERS,
        HTTP_PORT: '0',
        ADMIN_TOKENS: TOKENS,
        CONSOLE_REFRESH_MS: '100',
        SERVICE_URLS: '{}',
        ...env,
      },
      host,
      logger: createLogger({ service: 'console', level: 'info', destination: log }),
    });
    const running = new RunningConsole(await log.url(), host, log);
    await log.line('dead letters read');
    return running;
  }

  async stop(): Promise<number> {
    this.host.emit('SIGTERM', 'SIGTERM');
    return this.host.exited.promise;
  }

  async call<T>(path: string, { role = 'operator', method = 'GET', body, headers }: Call = {}): Promise<Answer<T>> {
    const response = await fetch(this.url + path, {
      method,
      headers: {
        authorization: `Bearer ${role === 'operator' ? OPERATOR : VIEWER}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      body: (text === '' ? undefined : JSON.parse(text)) as T,
      headers: response.headers,
    };
  }

  /** The answer of a request that must succeed. */
  async get<T>(path: string, call?: Call): Promise<T> {
    const { status, body } = await this.call<T>(path, call);
    if (status !== 200) throw new Error(`GET ${path} answered ${String(status)}: ${JSON.stringify(body)}`);
    return body;
  }
}
