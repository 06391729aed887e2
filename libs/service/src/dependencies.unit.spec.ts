import { OrderstreamError } from '@orderstream/errors';
import { type Logger } from '@orderstream/observability';
import { Dependencies } from './dependencies';

class NotYetError extends OrderstreamError {
  readonly code = 'KAFKA_UNREACHABLE';
  constructor(message: string) {
    super(message, { retriable: true });
  }
}
class NeverError extends OrderstreamError {
  readonly code = 'KAFKA_UNREACHABLE';
}

const never = new AbortController().signal;
const WHAT = 'Kafka at k:9092 (KAFKA_BROKERS)';

function dependencies(timeoutMs = 60_000): { wait: Dependencies; lines: string[] } {
  const lines: string[] = [];
  const write = (fields: object, text: string): void => {
    lines.push(`${text} ${JSON.stringify(fields)}`);
  };
  const logger = { warn: write, info: write } as Pick<Logger, 'warn' | 'info'>;
  return { wait: new Dependencies(logger, timeoutMs, { firstMs: 2, maxMs: 4 }), lines };
}

/** Rejects with each of the errors in turn, then resolves. */
function reachAfter(...errors: Error[]): () => Promise<void> {
  return () => {
    const error = errors.shift();
    return error === undefined ? Promise.resolve() : Promise.reject(error);
  };
}

describe('the dependencies of a start', () => {
  it('are waited for while they do not answer, with the reason in the log and in the state', async () => {
    const { wait, lines } = dependencies();
    const states: (string | undefined)[] = [];
    const errors = [new NotYetError('no answer'), new NotYetError('no answer'), new NotYetError('no leader')];
    const reach = reachAfter(...errors);
    await wait.reachAll([{ what: WHAT, reach: () => (states.push(wait.waitingFor), reach()) }], never);
    expect(states).toEqual([undefined, 'no answer', 'no answer', 'no leader']);
    expect(wait.waitingFor).toBeUndefined();
    expect(lines).toEqual([
      expect.stringMatching(/^waiting: no answer .*KAFKA_BROKERS/),
      expect.stringMatching(/^waiting: no leader .*KAFKA_BROKERS/),
      expect.stringMatching(/^it answers .*KAFKA_BROKERS/),
    ]);
  });

  it('log nothing when all of them answer at once', async () => {
    const { wait, lines } = dependencies();
    await wait.reachAll([{ what: WHAT, reach: reachAfter() }], never);
    expect(lines).toEqual([]);
  });

  it('end the start with the error that no retry corrects, and no longer wait for the others', async () => {
    const { wait } = dependencies();
    let attempts = 0;
    const forever = (): Promise<void> => {
      attempts++;
      return Promise.reject(new NotYetError('no answer'));
    };
    const error = new NeverError('wrong password');
    const reached = wait.reachAll(
      [
        { what: 'BigQuery', reach: forever },
        { what: WHAT, reach: reachAfter(new NotYetError('no answer'), error) },
      ],
      never,
    );
    await expect(reached).rejects.toBe(error);
    const until = attempts;
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(attempts).toBe(until);
    expect(wait.waitingFor).toBeUndefined();
  });

  it('end the start after the timeout with what is missing and why', async () => {
    const { wait } = dependencies(0);
    const reached = wait.reachAll([{ what: WHAT, reach: reachAfter(new NotYetError('no answer')) }], never);
    await expect(reached).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      message: expect.stringContaining(`${WHAT}: no answer`) as string,
      cause: { message: 'no answer' },
    });
  });

  it('are no longer waited for when the service stops', async () => {
    const { wait } = dependencies();
    const stop = new AbortController();
    const reached = wait.reachAll(
      [{ what: WHAT, reach: () => Promise.reject(new NotYetError('no answer')) }],
      stop.signal,
    );
    stop.abort(new Error('stopped'));
    await expect(reached).rejects.toThrow('stopped');
  });
});
