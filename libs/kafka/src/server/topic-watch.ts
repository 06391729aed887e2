import { TOPICS } from '@orderstream/contracts';
import { TopicChangedError, TopicMismatchError } from '../errors';
import { type TopicDescription } from '../topics/describe-topics';

export interface TopicWatchOptions {
  readonly topics: readonly string[];
  /** The partition count that a topic must have; undefined for any. Default: that of its contract. */
  readonly partitions?: ((topic: string) => number | undefined) | undefined;
  readonly describe: (topics: readonly string[]) => Promise<ReadonlyMap<string, TopicDescription>>;
  /** Called once for each problem that is found: the partitions of the topic must stop. */
  readonly onProblem: (topic: string, problem: Error) => void;
}

const CONTRACTS: ReadonlyMap<string, number> = new Map(TOPICS.map(({ name, partitions }) => [name, partitions]));
/** An opening uses an answer that is younger. */
const FRESH_MS = 1_000;

/**
 * Finds out that a consumed topic was re-created, which its topic id shows, or that its partition count is not that of its
 * contract. Such a topic stops alone. `refresh` runs at each opening of a partition and with each minute's metadata.
 */
export class TopicWatch {
  private readonly ids = new Map<string, string>();
  private readonly problems = new Map<string, Error>();
  private refreshing: Promise<void> | undefined;
  private refreshedAt = -Infinity;

  constructor(private readonly options: TopicWatchOptions) {}

  /** Asks a broker, unless it was asked within the last second. Rejects when none answers. */
  refresh(): Promise<void> {
    if (performance.now() - this.refreshedAt < FRESH_MS) return Promise.resolve();
    return (this.refreshing ??= this.refreshNow().finally(() => (this.refreshing = undefined)));
  }

  /** Why the partitions of the topic must not be read. */
  problemOf(topic: string): Error | undefined {
    return this.problems.get(topic);
  }

  /** An operator resumes: what was found counts as known. A topic that still has a wrong partition count is found again. */
  accept(): void {
    for (const topic of this.problems.keys()) this.ids.delete(topic);
    this.problems.clear();
    this.refreshedAt = -Infinity;
  }

  private async refreshNow(): Promise<void> {
    const { topics, describe, onProblem } = this.options;
    const found = await describe(topics);
    this.refreshedAt = performance.now();
    for (const [topic, description] of found) {
      const problem = this.changeOf(topic, description) ?? this.mismatchOf(topic, description);
      if (problem === undefined || this.problems.has(topic)) continue;
      this.problems.set(topic, problem);
      onProblem(topic, problem);
    }
  }

  private changeOf(topic: string, { id }: TopicDescription): TopicChangedError | undefined {
    const known = this.ids.get(topic);
    if (id === undefined || known === id) return undefined;
    if (known !== undefined) return new TopicChangedError(topic, known, id);
    this.ids.set(topic, id);
    return undefined;
  }

  private mismatchOf(topic: string, { partitions }: TopicDescription): TopicMismatchError | undefined {
    const expected = this.options.partitions === undefined ? CONTRACTS.get(topic) : this.options.partitions(topic);
    if (expected === undefined || expected === partitions) return undefined;
    return new TopicMismatchError(topic, partitions, expected);
  }
}
