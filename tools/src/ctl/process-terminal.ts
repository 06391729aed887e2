import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { CtlError, InterruptedError, UsageError } from './errors';
import { EXIT_CODES, TERMINATED } from './exit-codes';
import { type Input, type Output, type Terminal } from './terminal';

/** A stream of the process. Where it is a file or a pipe, it has neither of these two. */
type Maybe<S> = Omit<S, 'isTTY' | 'columns'> & { readonly isTTY?: boolean; readonly columns?: number };
type Writable = Maybe<NodeJS.WriteStream>;
type Readable = Maybe<NodeJS.ReadStream> & NodeJS.ReadableStream;

/** What is used of `process`. */
export type ProcessLike = Pick<NodeJS.Process, 'env' | 'once'> & {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
};

/** The reader of the output is gone, as after `| head`: there is nothing more to do. */
class ClosedPipeError extends CtlError {
  constructor() {
    super('', EXIT_CODES.done.code);
  }
}

/** The terminal of this process. The first signal ends the command by its own way; a second one ends the process. */
export function processTerminal(from: ProcessLike): Terminal {
  const stop = new AbortController();
  from.once('SIGINT', () => {
    stop.abort(new InterruptedError(EXIT_CODES.interrupted.code));
  });
  from.once('SIGTERM', () => {
    stop.abort(new InterruptedError(TERMINATED));
  });
  for (const stream of [from.stdout, from.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      stop.abort(error.code === 'EPIPE' ? new ClosedPipeError() : error);
    });
  }
  return {
    out: outputOf(from.stdout),
    err: outputOf(from.stderr),
    input: inputOf(from.stdin),
    env: from.env,
    signal: stop.signal,
    now: Date.now,
    delay: (ms) => delay(ms, undefined, { signal: stop.signal }).catch(() => undefined),
  };
}

function outputOf(stream: Writable): Output {
  return {
    isTty: stream.isTTY ?? false,
    get columns() {
      // A terminal that does not know its size has 0, as in some containers and jobs.
      return stream.columns === 0 ? undefined : stream.columns;
    },
    write: (text) => {
      if (stream.writable) stream.write(text);
    },
  };
}

function inputOf(stream: Readable): Input {
  return {
    isTty: stream.isTTY ?? false,
    line: async (signal) => {
      const lines = createInterface({ input: stream, signal });
      try {
        for await (const line of lines) return line;
        return undefined;
      } finally {
        lines.close();
      }
    },
    all: async (maxBytes) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      for await (const chunk of stream) {
        const part = Buffer.from(chunk as Buffer);
        bytes += part.byteLength;
        if (bytes > maxBytes) throw new UsageError(`The standard input is larger than ${maxBytes} bytes.`);
        chunks.push(part);
      }
      return Buffer.concat(chunks).toString('utf8');
    },
  };
}
