const ANSWER_TIMEOUT_MS = 3_000;

/** The admin API of one service, with a viewer token. */
export class ServiceClient {
  constructor(
    readonly url: string,
    private readonly token: string,
  ) {}

  /** GET /admin/status. Rejects when the service does not answer with 200 to 299 within 3 s. */
  async status(): Promise<unknown> {
    const response = await fetch(`${this.url}/admin/status`, {
      headers: { authorization: `Bearer ${this.token}` },
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    });
    if (!response.ok) {
      await response.body?.cancel();
      throw new Error(`${this.url}/admin/status answered ${String(response.status)}`);
    }
    return response.json();
  }
}
