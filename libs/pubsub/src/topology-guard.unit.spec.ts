import { status } from '@grpc/grpc-js';

import type { PublishCall } from './publisher';
import { TopologyGuard } from './topology-guard';

const grpcError = (code: status): Error => Object.assign(new Error(`status ${status[code]}`), { code });

describe('TopologyGuard', () => {
  const signal = new AbortController().signal;

  it('re-creates topic and subscription once for concurrent requests, before it publishes again', async () => {
    const steps: string[] = [];
    let gone = true;
    const call: PublishCall = () => {
      steps.push('publish');
      return gone ? Promise.reject(grpcError(status.NOT_FOUND)) : Promise.resolve();
    };
    const ensure = async (): Promise<void> => {
      await Promise.resolve();
      steps.push('ensure');
      gone = false;
    };
    const guard = new TopologyGuard(call, ensure, false);
    await expect(guard.publish([], signal)).rejects.toThrow('NOT_FOUND');
    await Promise.all([guard.publish([], signal), guard.publish([], signal)]);
    expect(steps).toEqual(['publish', 'ensure', 'publish', 'publish']);
  });

  it('leaves topic and subscription alone when the connection to a durable server breaks', async () => {
    const ensure = jest.fn(() => Promise.resolve());
    const guard = new TopologyGuard(() => Promise.reject(grpcError(status.UNAVAILABLE)), ensure, false);
    for (let i = 0; i < 2; i++) await expect(guard.publish([], signal)).rejects.toThrow('UNAVAILABLE');
    expect(ensure).not.toHaveBeenCalled();
  });

  it('fails a request that was acknowledged while topic and subscription were re-created', async () => {
    const ends: ((error?: Error) => void)[] = [];
    const call: PublishCall = () =>
      new Promise((resolve, reject) => {
        ends.push((error) => {
          if (error === undefined) resolve();
          else reject(error);
        });
      });
    const guard = new TopologyGuard(call, () => Promise.resolve(), true);
    const first = guard.publish([], signal);
    const second = guard.publish([], signal);
    ends[0]?.(grpcError(status.UNAVAILABLE));
    await expect(first).rejects.toThrow('UNAVAILABLE');
    const third = guard.publish([], signal);
    ends[1]?.();
    await expect(second).rejects.toThrow('while this request was in flight');
    await new Promise(setImmediate);
    ends[2]?.();
    await third;
  });

  it.each(['succeeds', 'fails'])(
    'publishes nothing during a repair by others, which %s, and nothing before one succeeded',
    async (end) => {
      const steps: string[] = [];
      const held = Promise.withResolvers<undefined>();
      let ensures = 0;
      const ensure = async (): Promise<void> => {
        steps.push('ensure');
        if (ensures++ === 0) await held.promise;
      };
      const guard = new TopologyGuard(() => Promise.resolve(void steps.push('publish')), ensure, false);
      const repaired = guard.repair().catch((error: unknown) => error);
      const during = guard.publish([], signal).catch((error: unknown) => error);
      await new Promise(setImmediate);
      expect(steps).toEqual(['ensure']);
      if (end === 'fails') held.reject(new Error('unavailable'));
      else held.resolve(undefined);
      await Promise.all([repaired, during]);
      await guard.publish([], signal);
      expect(steps).toEqual(end === 'fails' ? ['ensure', 'ensure', 'publish'] : ['ensure', 'publish', 'publish']);
    },
  );

  it('publishes nothing while the subscription would not receive it', async () => {
    let reason: string | undefined = 'the subscription has a filter';
    const call = jest.fn(() => Promise.resolve());
    const guard = new TopologyGuard(
      call,
      () => Promise.resolve(),
      false,
      () => reason,
    );
    await expect(guard.publish([], signal)).rejects.toMatchObject({ code: 'SUBSCRIPTION_MISMATCH', retriable: true });
    expect(call).not.toHaveBeenCalled();
    reason = undefined;
    await guard.publish([], signal);
    expect(call).toHaveBeenCalledTimes(1);
  });
});
