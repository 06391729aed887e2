import { type EventEmitter } from 'node:events';
import { constants } from 'node:os';

/** The process, or what a test has in its place. */
type Host = Pick<EventEmitter, 'on'> & {
  readonly stdout: Pick<EventEmitter, 'on'>;
  readonly stderr: Pick<EventEmitter, 'on'>;
};

/** Aborts on SIGINT and SIGTERM, and when nobody reads the output any more: what was started is then stopped. */
export class StopSignals {
  private readonly controller = new AbortController();
  private received: NodeJS.Signals | undefined;

  constructor(host: Host = process) {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      host.on(signal, () => {
        this.stop(signal);
      });
    }
    for (const stream of [host.stdout, host.stderr]) {
      stream.on('error', () => {
        this.stop('SIGPIPE');
      });
    }
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** 128 + the number of the first signal; undefined if there was none. */
  get exitCode(): number | undefined {
    return this.received === undefined ? undefined : 128 + constants.signals[this.received];
  }

  private stop(signal: NodeJS.Signals): void {
    this.received ??= signal;
    this.controller.abort(new Error(`stopped by ${signal}`));
  }
}
