import { answered, within } from './deadline';

const never = (): Promise<never> => new Promise(() => undefined);

describe('a call over REST', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  it('ends at its deadline when nothing answers, and may be tried again', async () => {
    const late = expect(within(5_000, 'a query', never)).rejects.toMatchObject({
      code: 'APPEND_FAILED',
      retriable: true,
      message: 'a query: no answer within 5000 ms',
    });
    await jest.advanceTimersByTimeAsync(5_000);
    await late;
  });

  it('leaves no timer behind when it is answered', async () => {
    await expect(within(5_000, 'a query', () => Promise.resolve(1))).resolves.toBe(1);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('is made again over another connection when one gives no answer', async () => {
    const call = jest.fn<Promise<string>, []>().mockImplementationOnce(never).mockResolvedValueOnce('there');
    const answer = answered('looking', call);
    await jest.advanceTimersByTimeAsync(10_000);
    await expect(answer).resolves.toBe('there');
    expect(call).toHaveBeenCalledTimes(2);
  });

  it('is given up after three attempts without an answer', async () => {
    const call = jest.fn<Promise<string>, []>().mockImplementation(never);
    const answer = expect(answered('looking', call)).rejects.toMatchObject({ retriable: true });
    await jest.advanceTimersByTimeAsync(30_000);
    await answer;
    expect(call).toHaveBeenCalledTimes(3);
  });

  it('is not made again when the answer is an error', async () => {
    const call = jest.fn<Promise<string>, []>().mockRejectedValue(new Error('no rights'));
    await expect(answered('looking', call)).rejects.toThrow('no rights');
    expect(call).toHaveBeenCalledTimes(1);
  });
});
