import { type Consumer } from '../stack/fault-stack';
import { type Instance } from '../stack/instance';

interface Stage {
  readonly stack: {
    instance(app: Consumer, number?: number): Pick<Instance, 'up' | 'ready' | 'downHard'>;
  };
}

/**
 * Does the work while further instances of a service are up and ready, as the first is. Whatever comes of it, none of them
 * is left up: the next fault begins with one.
 */
export async function withFurther<T>(
  { stack }: Stage,
  app: Consumer,
  numbers: readonly number[],
  work: () => Promise<T>,
): Promise<T> {
  const further = numbers.map((number) => stack.instance(app, number));
  try {
    // One after the other: when one cannot be started, no other is still about to be.
    for (const each of further) await each.up();
    await Promise.all([stack.instance(app), ...further].map((each) => each.ready()));
    return await work();
  } finally {
    await Promise.all(further.map((each) => each.downHard()));
  }
}
