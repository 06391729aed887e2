import { type RunPlan, type RunRecord } from '../runs/run';
import { type Runner } from '../runs/runner';
import { whenUnlocked } from '../runs/when-unlocked';
import { type DailyStep, type StepContext } from './daily-job';
import { DailyLoadError } from './errors';

/** Loads the days into `raw_orders`: the same runs as `npm run batch`. The runner retries their blocks. */
export class LoadStep implements DailyStep {
  readonly name = 'load';

  constructor(
    private readonly runner: Pick<Runner, 'run'>,
    private readonly leaseMs: number,
  ) {}

  async run({ run: { plan }, signal }: StepContext): Promise<string> {
    const { runs, scheduledAt } = plan;
    let rows = 0;
    for (const each of runs) rows += rowsOf(await this.load(each, scheduledAt, signal));
    return `${rows} orders in ${runs.length} ${runs.length === 1 ? 'run' : 'runs'}`;
  }

  private async load(plan: RunPlan, scheduledAt: string, signal: AbortSignal): Promise<RunRecord> {
    const run = await whenUnlocked(this.leaseMs, signal, () => this.runner.run(plan, signal));
    signal.throwIfAborted();
    if (run.state === 'succeeded') return run;
    throw new DailyLoadError(
      `Batch run ${run.id} has ${run.state}: ${run.error ?? 'no reason'} After a correction, start the daily run again with --scheduled-at ${scheduledAt}.`,
    );
  }
}

const rowsOf = ({ blocks }: RunRecord): number => blocks.export_to_gbq?.output?.rowsOut ?? 0;
