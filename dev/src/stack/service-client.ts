const ANSWER_TIMEOUT_MS = 3_000;

/** A service has answered, and not with 200 to 299. */
export class AnswerError extends Error {
  constructor(
    url: string,
    readonly status: number,
  ) {
    super(`${url} answered ${String(status)}`);
  }
}

/** The admin API of one service. */
export class ServiceClient {
  constructor(
    readonly url: string,
    private readonly token: string,
  ) {}

  /** GET /admin/status. Rejects when the service does not answer with 200 to 299 within 3 s. */
  async status(): Promise<unknown> {
    return this.request('GET', '/admin/status');
  }

  /** POST /admin/pause: the service resumes by itself after `seconds`. Needs the token of an operator. */
  async pause(seconds: number): Promise<void> {
    await this.request('POST', '/admin/pause', { seconds });
  }

  /** Rejects when the service does not answer with 200 to 299 in time. */
  async request(
    method: string,
    path: string,
    body?: object,
    signal: AbortSignal = AbortSignal.timeout(ANSWER_TIMEOUT_MS),
  ): Promise<unknown> {
    const url = `${this.url}${path}`;
    const response = await fetch(url, {
      method,
      headers: { authorization: `Bearer ${this.token}`, 'content-type': 'application/json' },
      signal,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) {
      await response.body?.cancel();
      throw new AnswerError(url, response.status);
    }
    return response.json();
  }
}
