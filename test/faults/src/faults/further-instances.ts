import { type Consumer } from '../stack/fault-stack';
import { type Instance } from '../stack/instance';

interface Instances {
  readonly stack: {
    instance(app: Consumer, number?: number): Pick<Instance, 'up' | 'ready' | 'downHard'>;
  };
}

/**
 * Does the work while further instances of a service are up and ready. None of them is left up, whatever fails: the next
 * fault starts with one instance.
 */
export async function withFurtherInstances<T>(
  { stack }: Instances,
  app: Consumer,
  numbers: readonly number[],
  work: () => Promise<T>,
): Promise<T> {
  const further = numbers.map((number) => stack.instance(app, number));
  try {
    // One after the other: if one fails to start, no other start is still in progress.
    for (const each of further) await each.up();
    await Promise.all([stack.instance(app), ...further].map((each) => each.ready()));
    return await work();
  } finally {
    await Promise.all(further.map((each) => each.downHard()));
  }
}
