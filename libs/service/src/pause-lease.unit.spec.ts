import { PauseLease } from './pause-lease';

describe('PauseLease', () => {
  let lease: PauseLease;
  let resumed: number;
  const resume = (): void => {
    resumed++;
  };

  beforeEach(() => {
    jest.useFakeTimers();
    lease = new PauseLease();
    resumed = 0;
  });
  afterEach(() => jest.useRealTimers());

  it('resumes the service once, when the time is over', () => {
    lease.paused(2, resume);
    jest.advanceTimersByTime(1_999);
    expect(resumed).toBe(0);
    jest.advanceTimersByTime(10_000);
    expect(resumed).toBe(1);
  });

  it('ends at the time of the last request, earlier or later', () => {
    lease.paused(2, resume);
    lease.paused(60, resume);
    jest.advanceTimersByTime(59_000);
    expect(resumed).toBe(0);
    lease.paused(1, resume);
    jest.advanceTimersByTime(1_000);
    expect(resumed).toBe(1);
  });

  it.each([
    ['before', [undefined, 1]],
    ['after', [1, undefined]],
  ] as const)('does not end a pause without a limit that an operator requested %s it', (_when, requests) => {
    for (const seconds of requests) lease.paused(seconds, resume);
    jest.advanceTimersByTime(10_000);
    expect(resumed).toBe(0);
    lease.resumed();
    lease.paused(1, resume);
    jest.advanceTimersByTime(1_000);
    expect(resumed).toBe(1);
  });

  it('is over when the service is resumed', () => {
    lease.paused(1, resume);
    lease.resumed();
    jest.advanceTimersByTime(10_000);
    expect(resumed).toBe(0);
  });
});
