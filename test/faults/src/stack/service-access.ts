import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { type Service, ServiceClient, type StackTokens } from '../../../../dev/src';
import { metricValue } from './metric-value';

const COMMAND_TIMEOUT_MS = 120_000;

/** A running service, as its operator sees it: status, readiness, metrics, actions and commands. */
export class ServiceAccess {
  constructor(
    private readonly service: Service,
    private readonly tokens: StackTokens,
  ) {}

  client(): ServiceClient {
    return new ServiceClient(this.service.url, this.tokens.viewer);
  }

  /** The readiness that the service reports. Undefined: it does not answer. */
  async readiness(): Promise<boolean | undefined> {
    try {
      return (await this.health()).isReady;
    } catch {
      return undefined;
    }
  }

  /** The readiness that the service reports, and its checks as text. @throws when the service does not answer */
  async health(): Promise<{ readonly isReady: boolean; readonly text: string }> {
    const response = await fetch(`${this.service.url}/health/ready`, { signal: AbortSignal.timeout(2_000) });
    return { isReady: response.ok, text: await response.text() };
  }

  /** The value of one series of the service's /metrics. Undefined: it has none. @throws when the service does not answer */
  async metric(name: string, labels: Readonly<Record<string, string>>): Promise<number | undefined> {
    const response = await fetch(`${this.service.url}/metrics`, { signal: AbortSignal.timeout(5_000) });
    return metricValue(await response.text(), name, labels);
  }

  /** POST /admin/<action> as an operator. Rejects unless the service answers with success. */
  async postAdmin(action: string, body?: object): Promise<void> {
    await this.admin('POST', action, { body });
  }

  /** A request to /admin/<path> as an operator. @returns the parsed answer; rejects unless the service answers with success */
  async admin(
    method: 'GET' | 'POST',
    path: string,
    { body, headers = {} }: { readonly body?: object | undefined; readonly headers?: Record<string, string> } = {},
  ): Promise<unknown> {
    const { name, url } = this.service;
    const response = await fetch(`${url}/admin/${path}`, {
      method,
      headers: { authorization: `Bearer ${this.tokens.operator}`, 'content-type': 'application/json', ...headers },
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(30_000),
    });
    const answer = await response.text();
    if (!response.ok) {
      throw new Error(
        `${name} answered ${String(response.status)} to ${method} /admin/${path}: ${answer.slice(0, 500)}`,
      );
    }
    return answer === '' ? undefined : (JSON.parse(answer) as unknown);
  }

  /**
   * Runs a command of the service's program, as an operator does, with the environment of its instance.
   * @returns the lines of its stdout. @throws when it exits with another code than 0
   */
  async command(args: readonly string[]): Promise<readonly string[]> {
    const { signal } = new AbortController();
    const {
      command,
      args: own,
      cwd,
      env,
    } = await this.service.component.process({
      signal,
      run: () => Promise.reject(new Error('a command starts no other process')),
    });
    const { stdout } = await promisify(execFile)(command, [...own, ...args], { cwd, env, timeout: COMMAND_TIMEOUT_MS });
    return stdout.trim().split('\n');
  }
}
