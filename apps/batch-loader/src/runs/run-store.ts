import { randomUUID } from 'node:crypto';
import { RunRejectedError } from '../errors';
import { type ObjectStore } from '../store/object-store';
import { runIdOf, type RunPlan, type RunRecord } from './run';

const FOLDER = 'runs/';
const documentOf = (id: string): string => `${FOLDER}${id}/run`;
const cancelOf = (id: string): string => `${FOLDER}${id}/cancel`;

/** The runs in the object store. One process at a time writes a run: the one that has the lease of its range. */
export class RunStore {
  constructor(readonly store: ObjectStore) {}

  /** The run of this plan: the existing one, or a new one. @throws RunRejectedError if the existing one has another plan */
  async openRun(plan: RunPlan, now: string): Promise<RunHandle> {
    const id = runIdOf(plan);
    const existing = await this.find(id);
    if (existing !== undefined) {
      if (JSON.stringify(existing.record.plan) === JSON.stringify(plan)) return existing;
      throw new RunRejectedError(
        `Run ${id} exists with other settings (${JSON.stringify({ ...existing.record.plan.source, actions: existing.record.plan.actions })}). Choose another scheduled time.`,
      );
    }
    const jobKey = randomUUID().slice(0, 8);
    const record: RunRecord = {
      id,
      jobKey,
      plan,
      state: 'waiting',
      createdAt: now,
      blocks: {},
      events: [],
      published: 0,
    };
    const generation = await this.store.writeDocument(documentOf(id), JSON.stringify(record), undefined);
    // Another process was faster: it is its run.
    return generation === undefined ? this.get(id) : new RunHandle(this.store, record, generation);
  }

  async find(id: string): Promise<RunHandle | undefined> {
    const document = await this.store.readDocument(documentOf(id));
    if (document === undefined) return undefined;
    return new RunHandle(this.store, JSON.parse(document.text) as RunRecord, document.generation);
  }

  /** @throws RunRejectedError if there is none */
  async get(id: string): Promise<RunHandle> {
    const found = await this.find(id);
    if (found === undefined) throw new RunRejectedError(`There is no run ${id} in ${this.store.location}.`);
    return found;
  }

  /** The newest runs first. */
  async list(limit: number): Promise<readonly RunRecord[]> {
    const keys = await this.store.list(FOLDER);
    const ids = keys.flatMap((key) => (key.endsWith('/run') ? [key.slice(FOLDER.length, -'/run'.length)] : []));
    const records: RunRecord[] = [];
    for (const id of ids) {
      const found = await this.find(id);
      if (found !== undefined) records.push(found.record);
    }
    return records.sort((a, b) => b.createdAt.localeCompare(a.createdAt)).slice(0, limit);
  }

  /** Asks the process that runs it to stop. */
  async requestCancel(id: string): Promise<void> {
    await this.store.writeDocument(cancelOf(id), '{}', undefined);
  }

  async isCancelRequested(id: string): Promise<boolean> {
    return (await this.store.readDocument(cancelOf(id))) !== undefined;
  }

  async clearCancel(id: string): Promise<void> {
    await this.store.deleteAll(cancelOf(id));
  }

  /** Deletes what the blocks have written. The record of the run stays. */
  async deleteFiles({ id }: RunRecord): Promise<void> {
    await this.store.deleteAll(`${FOLDER}${id}/blocks/`);
  }
}

/** A run with the generation of its document. */
export class RunHandle {
  constructor(
    private readonly store: ObjectStore,
    public record: RunRecord,
    private generation: string,
  ) {}

  /** The prefix of the files of an attempt. */
  prefix(block: string, attempt: number): string {
    return `${FOLDER}${this.record.id}/blocks/${block}/${attempt}`;
  }

  /** @throws RunRejectedError if another process has changed it */
  async update(change: (record: RunRecord) => RunRecord): Promise<void> {
    const changed = change(this.record);
    const generation = await this.store.writeDocument(
      documentOf(this.record.id),
      JSON.stringify(changed),
      this.generation,
    );
    if (generation === undefined) throw new RunRejectedError(`Another process has changed run ${this.record.id}.`);
    this.record = changed;
    this.generation = generation;
  }
}
