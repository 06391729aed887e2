import { unlessAborted } from './unless-aborted';

describe('unlessAborted', () => {
  it('gives what the work comes to', async () => {
    const { signal } = new AbortController();
    await expect(unlessAborted(Promise.resolve(1), signal)).resolves.toBe(1);
    await expect(unlessAborted(Promise.reject(new Error('broken')), signal)).rejects.toThrow('broken');
  });

  it('does not wait for work that is not wanted any more', async () => {
    const controller = new AbortController();
    const waiting = unlessAborted(new Promise(() => undefined), controller.signal);
    controller.abort(new Error('revoked'));
    await expect(waiting).rejects.toThrow('revoked');
    await expect(unlessAborted(Promise.resolve(1), controller.signal)).rejects.toThrow('revoked');
  });
});
