import { type DailyStep, type StepContext } from './daily-job';
import { type DailyPlan } from './daily-run';
import { type Dbt } from './dbt';
import { DailyBuildError } from './errors';

const DAY_MS = 86_400_000;
/** Days that the tests read by default: `tested_days` of the dbt project. */
const TESTED_DAYS = 7;
/** dbt's exit code when models or tests have failed; 2 is an error of dbt itself. */
const NODES_FAILED = 1;

/** Builds the warehouse and runs its data tests: `dbt build`. A retry runs what has failed: `dbt retry`. */
export class BuildStep implements DailyStep {
  readonly name = 'build';
  private exitCode: number | undefined;

  constructor(
    private readonly dbt: Dbt,
    private readonly now: () => number = Date.now,
  ) {}

  async run({ run: { plan }, tries, signal }: StepContext): Promise<string> {
    const isRetry = tries > 0 && this.exitCode === NODES_FAILED;
    const args = isRetry ? ['retry'] : buildArguments(plan, this.now());
    const startedAt = performance.now();
    const { code, tail } = await this.dbt.run(args, signal);
    this.exitCode = code;
    const what = `dbt ${args[0] ?? ''}`;
    if (code !== 0) {
      throw new DailyBuildError(`${what} ended with ${code}. The end of its output:\n${tail}`, { retriable: true });
    }
    const done = /^.*Done\. (PASS=.*)$/m.exec(tail)?.[1] ?? 'done';
    return `${what}: ${done}, ${Math.round((performance.now() - startedAt) / 1_000)} s`;
  }
}

/** Unit tests of the models need no data of the day: `npm run test:dbt` runs them. */
export function buildArguments({ range, isBackfill }: DailyPlan, nowMs: number): string[] {
  const build = ['build', '--exclude-resource-type', 'unit_test'];
  if (!isBackfill) return build;
  const ageDays = Math.ceil((nowMs - Date.parse(range.from)) / DAY_MS);
  const to = new Date(Date.parse(range.to) - DAY_MS).toISOString().slice(0, 10);
  const vars = { from: range.from, to, tested_days: Math.max(TESTED_DAYS, ageDays) };
  return [...build, '--vars', JSON.stringify(vars)];
}
