/**
 * Runs every step in order, also after one that fails, so that a test stops everything that it started.
 *
 * @throws the error of the step that failed; an AggregateError when several failed
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
  if (failures.length > 1)
    throw new AggregateError(failures, `${String(failures.length)} of ${String(steps.length)} steps failed`);
  if (failures.length === 1) throw failures[0];
}
