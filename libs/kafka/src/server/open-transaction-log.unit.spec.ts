import { OpenTransactionLog } from './open-transaction-log';
import { PartitionLag } from './partition-lag';

const PARTITION = { topic: 'marketplace.orders.raw.v1', partition: 3 };
const OPEN = { lastStableOffset: 5, highWatermark: 26 };

describe('the warning of an open transaction', () => {
  const lines: [object, string | undefined][] = [];
  const quiet = (): void => undefined;
  const logger = {
    debug: quiet,
    info: quiet,
    error: quiet,
    warn: (fields: object, message?: string) => void lines.push([fields, message]),
  };
  let log: OpenTransactionLog;
  let lag: PartitionLag;

  beforeEach(() => {
    jest.useFakeTimers();
    lines.length = 0;
    log = new OpenTransactionLog(logger);
    lag = new PartitionLag();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  /** Looks at the partition every 5 s, as the server does. */
  function observeFor(seconds: number, ends: typeof OPEN): void {
    for (let second = 0; second < seconds; second += 5) {
      lag.observeEnds(ends);
      log.observe(PARTITION, lag.openTransaction);
      jest.advanceTimersByTime(5_000);
    }
  }

  it('names the partition and the age, after a minute and then once a minute', () => {
    observeFor(65, OPEN);
    expect(lines).toEqual([]);
    observeFor(5, OPEN);
    expect(lines).toEqual([
      [
        { ...PARTITION, ...OPEN, openSeconds: 65 },
        expect.stringMatching(/open in marketplace\.orders\.raw\.v1\/3 for 65 s.*kafka-transactions\.sh abort/),
      ],
    ]);
    observeFor(55, OPEN);
    expect(lines).toHaveLength(1);
    observeFor(5, OPEN);
    expect(lines.map(([fields]) => fields)).toMatchObject([{ openSeconds: 65 }, { openSeconds: 125 }]);
  });

  it('is not given for transactions that end, however many follow one another', () => {
    for (let offset = 0; offset < 10; offset++) observeFor(30, { lastStableOffset: offset, highWatermark: 26 });
    observeFor(60, { lastStableOffset: 26, highWatermark: 26 });
    expect(lines).toEqual([]);
  });

  it('is given for the next transaction, too, when the one before has ended', () => {
    observeFor(75, OPEN);
    observeFor(5, { lastStableOffset: 26, highWatermark: 26 });
    observeFor(70, { lastStableOffset: 30, highWatermark: 31 });
    expect(lines.map(([fields]) => fields)).toMatchObject([
      { lastStableOffset: 5, openSeconds: 65 },
      { lastStableOffset: 30, openSeconds: 65 },
    ]);
  });
});
