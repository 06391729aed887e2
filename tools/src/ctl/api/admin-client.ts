import { type ZodType } from 'zod';
import { CtlError, InterruptedError, ProblemError, TimedOutError, UnreachableError } from '../errors';
import { EXIT_CODES } from '../exit-codes';
import { parseJson, problemLines, problemOf } from './problem';
import { type ServerEvent, serverEvents } from './server-events';

/** No answer of the API is larger: a page of 1,000 dead letters has some MB. */
const MAX_ANSWER_BYTES = 64 * 1_048_576;

/** Where requests go, and with which token. */
export interface Endpoint {
  /** How messages name it: `the console`, `validator`. */
  readonly name: string;
  readonly url: string;
  readonly token: string;
}

export interface ClientOptions {
  /** Deadline of each request, its answer included. */
  readonly timeoutMs: number;
  /** Ends every request; its reason is the exit code. */
  readonly signal: AbortSignal;
}

export interface Answer<T> {
  readonly body: T;
  readonly etag: string | undefined;
}

export type Query = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

export interface RequestOptions {
  readonly query?: Query;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON; a text is sent as it is, with `content-type` of `headers`. */
  readonly body?: unknown;
}

/** The admin API of the console or of a service. Every request has a deadline; none is sent twice. */
export class AdminClient {
  constructor(
    readonly endpoint: Endpoint,
    private readonly options: ClientOptions,
  ) {}

  get<T>(path: string, schema: ZodType<T>, query: Query = {}): Promise<Answer<T>> {
    return this.request('GET', path, schema, { query });
  }

  /** @throws ProblemError, UnreachableError, TimedOutError, InterruptedError */
  async request<T>(method: string, path: string, schema: ZodType<T>, options: RequestOptions = {}): Promise<Answer<T>> {
    const deadline = AbortSignal.timeout(this.options.timeoutMs);
    const signal = AbortSignal.any([deadline, this.options.signal]);
    const { url, init } = this.requestOf(method, path, options);
    try {
      const response = await fetch(url, { ...init, signal });
      const text = await readText(response);
      if (!response.ok) throw problemError(response.status, text);
      return { body: this.parse(path, schema, text), etag: response.headers.get('etag') ?? undefined };
    } catch (error) {
      throw this.explained(error, deadline);
    }
  }

  /**
   * Server-sent events until the server ends the stream. Its head has a deadline; a stream that sends nothing, not even a
   * comment, for `silenceMs` ends with a TimedOutError.
   */
  async *events(path: string, silenceMs: number): AsyncGenerator<ServerEvent> {
    const silence = new AbortController();
    const timer = setTimeout(
      () => {
        silence.abort();
      },
      Math.min(silenceMs, this.options.timeoutMs),
    );
    const signal = AbortSignal.any([silence.signal, this.options.signal]);
    const { url, init } = this.requestOf('GET', path, { headers: { accept: 'text/event-stream' } });
    try {
      const response = await fetch(url, { ...init, signal });
      if (!response.ok) throw problemError(response.status, await readText(response));
      const heard = (): void => {
        timer.refresh();
      };
      if (response.body !== null) yield* serverEvents(response.body, heard);
    } catch (error) {
      throw this.explained(error, silence.signal);
    } finally {
      clearTimeout(timer);
      silence.abort();
    }
  }

  private requestOf(
    method: string,
    path: string,
    { query = {}, headers = {}, body }: RequestOptions,
  ): { readonly url: URL; readonly init: RequestInit } {
    const url = new URL(`${this.endpoint.url.replace(/\/+$/, '')}${path}`);
    for (const [name, value] of Object.entries(query)) {
      if (value === undefined) continue;
      for (const item of Array.isArray(value) ? (value as readonly string[]) : [String(value)]) {
        url.searchParams.append(name, item);
      }
    }
    const content = body === undefined ? {} : { 'content-type': 'application/json' };
    return {
      url,
      init: {
        method,
        // An answer that sends the token elsewhere is an error.
        redirect: 'error',
        headers: { authorization: `Bearer ${this.endpoint.token}`, accept: 'application/json', ...content, ...headers },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      },
    };
  }

  private parse<T>(path: string, schema: ZodType<T>, text: string): T {
    const result = schema.safeParse(text === '' ? {} : parseJson(text));
    if (result.success) return result.data;
    const [issue] = result.error.issues;
    const where = issue === undefined ? '' : `: ${issue.path.join('.') || 'the answer'}: ${issue.message}`;
    throw new CtlError(
      `${this.named} answered ${path} in a form that this command does not know${where}. ` +
        'Check that the address is right, and that both are of the same version.',
      EXIT_CODES.rejected.code,
    );
  }

  private explained(error: unknown, deadline: AbortSignal): unknown {
    if (error instanceof CtlError) return error;
    const { signal } = this.options;
    if (signal.aborted)
      return signal.reason instanceof CtlError ? signal.reason : new InterruptedError(EXIT_CODES.interrupted.code);
    if (deadline.aborted) {
      const seconds = this.options.timeoutMs / 1_000;
      return new TimedOutError(
        `${this.named} did not answer within ${seconds} s. A change may have been made: look before you repeat it. --timeout waits longer.`,
      );
    }
    return new UnreachableError(
      `${this.named} cannot be reached: ${causeOf(error)}. Check that it runs (npm start), or give its address with --url.`,
      error,
    );
  }

  private get named(): string {
    const { name, url } = this.endpoint;
    return `${name.charAt(0).toUpperCase()}${name.slice(1)} at ${url}`;
  }
}

function problemError(status: number, text: string): ProblemError {
  const problem = problemOf(status, text);
  return new ProblemError(problem, problemLines(problem).join('\n'));
}

async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const body: AsyncIterable<Uint8Array> | readonly Uint8Array[] = response.body ?? [];
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > MAX_ANSWER_BYTES) {
      throw new CtlError('The answer is larger than 64 MB: ask for less at once.', EXIT_CODES.rejected.code);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The deepest cause of a failed fetch, which is what went wrong: `connect ECONNREFUSED 127.0.0.1:3005`. */
function causeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error);
  const { cause, message, code } = error as {
    readonly cause?: unknown;
    readonly message?: unknown;
    readonly code?: unknown;
  };
  if (cause !== undefined) return causeOf(cause);
  // An error of several addresses has no message.
  return ([message, code].find((text) => typeof text === 'string' && text !== '') as string | undefined) ?? 'it failed';
}
