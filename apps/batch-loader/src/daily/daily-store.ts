import { RunRejectedError } from '../errors';
import { type ObjectStore } from '../store/object-store';
import { type DailyPlan, dailyIdOf, type DailyRun } from './daily-run';

const FOLDER = 'daily/';
const EXECUTIONS = 'daily-executions/';

/** The daily runs in the object store. One process at a time writes them: the one that has the lease. */
export class DailyStore {
  constructor(private readonly store: ObjectStore) {}

  async find(id: string): Promise<DailyHandle | undefined> {
    const document = await this.store.readDocument(FOLDER + id);
    if (document === undefined) return undefined;
    return new DailyHandle(this.store, JSON.parse(document.text) as DailyRun, document.generation);
  }

  /** The run of this plan: the existing one, or a new one. @throws RunRejectedError if the existing one has another plan */
  async open(plan: DailyPlan, now: string): Promise<DailyHandle> {
    const id = dailyIdOf(plan);
    const existing = await this.find(id);
    if (existing !== undefined) {
      if (JSON.stringify(existing.run.plan) === JSON.stringify(plan)) return existing;
      throw new RunRejectedError(
        `Daily run ${id} exists with other settings (${JSON.stringify(existing.run.plan.runs[0]?.source)}). Choose another scheduled time: --scheduled-at.`,
      );
    }
    const run: DailyRun = { id, plan, state: 'running', createdAt: now, startedBy: [], steps: {} };
    const generation = await this.store.writeDocument(FOLDER + id, JSON.stringify(run), undefined);
    if (generation !== undefined) return new DailyHandle(this.store, run, generation);
    throw new RunRejectedError(`Another process has started daily run ${id}.`);
  }

  /** The latest scheduled times first. */
  async list(limit: number): Promise<readonly DailyRun[]> {
    const keys = [...(await this.store.list(FOLDER))].reverse().slice(0, limit);
    const runs = await Promise.all(keys.map((key) => this.find(key.slice(FOLDER.length))));
    return runs.flatMap((each) => each?.run ?? []);
  }

  /** The plan that the first attempt of an execution of Cloud Run had. */
  async planOf(execution: string): Promise<DailyPlan | undefined> {
    const document = await this.store.readDocument(EXECUTIONS + execution);
    return document === undefined ? undefined : (JSON.parse(document.text) as DailyPlan);
  }

  async recordExecution(execution: string, plan: DailyPlan): Promise<void> {
    await this.store.writeDocument(EXECUTIONS + execution, JSON.stringify(plan), undefined);
  }
}

/** A daily run with the generation of its document. */
export class DailyHandle {
  constructor(
    private readonly store: ObjectStore,
    public run: DailyRun,
    private generation: string,
  ) {}

  /** @throws RunRejectedError if another process has changed it */
  async update(change: Partial<DailyRun>): Promise<void> {
    const changed = { ...this.run, ...change };
    const generation = await this.store.writeDocument(FOLDER + this.run.id, JSON.stringify(changed), this.generation);
    if (generation === undefined) throw new RunRejectedError(`Another process has changed daily run ${this.run.id}.`);
    this.run = changed;
    this.generation = generation;
  }
}
