import { unlessAborted } from './unless-aborted';

describe('unlessAborted', () => {
  it('settles as the work does', async () => {
    const { signal } = new AbortController();
    await expect(unlessAborted(Promise.resolve(1), signal)).resolves.toBe(1);
    await expect(unlessAborted(Promise.reject(new Error('broken')), signal)).rejects.toThrow('broken');
  });

  it('rejects when the signal aborts, without waiting for the work', async () => {
    const controller = new AbortController();
    const waiting = unlessAborted(new Promise(() => undefined), controller.signal);
    controller.abort(new Error('revoked'));
    await expect(waiting).rejects.toThrow('revoked');
    await expect(unlessAborted(Promise.resolve(1), controller.signal)).rejects.toThrow('revoked');
  });
});
