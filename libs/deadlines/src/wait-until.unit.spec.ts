import { DeadlineError, waitUntil } from './index';

const options = { what: 'the tap to drip', deadlineMs: 20, intervalMs: 1 };

describe('waitUntil', () => {
  it('returns the first value that is neither false nor undefined', async () => {
    const answers = [undefined, false, 0];
    await expect(waitUntil(() => answers.shift(), options)).resolves.toBe(0);
  });

  it('says what it awaited, and the first line of the last error', async () => {
    await expect(waitUntil(() => false, options)).rejects.toThrow(
      new DeadlineError('the tap to drip', 20, undefined).message,
    );
    const dry = () => {
      throw new Error('the tap is closed\nat the main');
    };
    await expect(waitUntil(dry, options)).rejects.toThrow(
      'Waited 0 s without success for the tap to drip; the last attempt: the tap is closed.',
    );
  });

  it('ends with the reason of its signal', async () => {
    const signal = AbortSignal.abort(new Error('stopped'));
    await expect(waitUntil(() => false, { ...options, signal })).rejects.toThrow('stopped');
  });
});
