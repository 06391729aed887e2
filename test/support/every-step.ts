/**
 * Takes every step, one after the other, also behind one that fails: what a test has started is stopped, whatever else
 * went wrong.
 *
 * @throws what the first failing step threw; AggregateError of all when several failed
 */
export async function everyStep(...steps: readonly (() => unknown)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 1) throw new AggregateError(failures, 'several steps failed');
  if (failures.length === 1) throw failures[0];
}
