import { LateCatalog } from '../support/late-catalog';
import { announce, createPlan, EVENTS, expectReplayed, ORDERS, rejectOrders } from '../support/late-orders';
import { type Plan, ReplayStack } from '../support/replay-stack';

jest.setTimeout(900_000);

describe('a replay whose console, validator and broker are killed', () => {
  let stack: ReplayStack;

  beforeAll(async () => {
    stack = await ReplayStack.start();
  });
  afterAll(async () => {
    expect(await stack.stop()).toBe(143);
  });

  it('returns every letter once', async () => {
    const late = new LateCatalog(ORDERS, Date.now());
    const rejected = await rejectOrders(stack, late);
    await announce(stack, late);
    const { id } = await createPlan(stack, late, rejected, '--rate', '500', '--canary', '50');
    await stack.ctl('replay', 'start', id, '--yes');
    const killedAt: number[] = [];
    for (const [at, name] of [
      [EVENTS / 5, 'console'],
      [(2 * EVENTS) / 5, 'validator'],
      [(3 * EVENTS) / 5, 'kafka'],
    ] as const) {
      const returned = await stack.until(`${String(at)} events to be returned`, async () => {
        // The console may be on its way back.
        const plan = await stack.ctl<Plan>('replay', 'status', id).catch(() => undefined);
        const count = plan?.progress.returned ?? 0;
        return count >= at && count;
      });
      stack.kill(name);
      killedAt.push(returned);
    }
    // In the middle: a kill behind the end would prove nothing.
    for (const returned of killedAt) expect(returned).toBeLessThan(EVENTS);
    const plan = await stack.until('the plan to end', () =>
      stack.ctl<Plan>('replay', 'watch', id).catch(() => undefined),
    );
    await expectReplayed(stack, late, plan);
  });
});
