import { type CallDescription, retryWithoutAnswer, withDeadline } from './deadline';

const QUERY: CallDescription = { code: 'QUERY_FAILED', what: 'a query' };
const LOOKUP: CallDescription = { code: 'TABLE_CALL_FAILED', what: 'looking for table t' };
const never = (): Promise<never> => new Promise(() => undefined);

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

describe('withDeadline', () => {
  it('ends a call without an answer at its deadline, with a retriable error', async () => {
    const ended = jest.fn();
    const call = withDeadline(5_000, QUERY, never).catch(ended);
    await jest.advanceTimersByTimeAsync(4_999);
    expect(ended).not.toHaveBeenCalled();
    await jest.advanceTimersByTimeAsync(1);
    await call;
    expect(ended.mock.calls).toEqual([
      [
        expect.objectContaining({
          code: 'QUERY_FAILED',
          retriable: true,
          message: 'a query: no answer within 5000 ms',
        }),
      ],
    ]);
  });

  it('returns the answer and leaves no timer behind', async () => {
    await expect(withDeadline(5_000, QUERY, () => Promise.resolve(1))).resolves.toBe(1);
    expect(jest.getTimerCount()).toBe(0);
  });
});

describe('retryWithoutAnswer', () => {
  it('repeats a call that has no answer at its deadline', async () => {
    const call = jest.fn<Promise<string>, []>().mockImplementationOnce(never).mockResolvedValueOnce('there');
    const answer = retryWithoutAnswer(LOOKUP, call);
    await jest.advanceTimersByTimeAsync(10_000);
    await expect(answer).resolves.toBe('there');
    expect(call).toHaveBeenCalledTimes(2);
  });

  it('fails after three attempts without an answer', async () => {
    const call = jest.fn<Promise<string>, []>().mockImplementation(never);
    const answer = expect(retryWithoutAnswer(LOOKUP, call)).rejects.toMatchObject({
      code: 'TABLE_CALL_FAILED',
      retriable: true,
    });
    await jest.advanceTimersByTimeAsync(30_000);
    await answer;
    expect(call).toHaveBeenCalledTimes(3);
  });

  it('does not repeat a call that is answered with an error', async () => {
    const call = jest.fn<Promise<string>, []>().mockRejectedValue(new Error('no rights'));
    await expect(retryWithoutAnswer(LOOKUP, call)).rejects.toThrow('no rights');
    expect(call).toHaveBeenCalledTimes(1);
  });
});
