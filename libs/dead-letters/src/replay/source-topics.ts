import { FAMILIES, type Family, rawTopic, TOPIC_PREFIX } from '@orderstream/contracts';
import { fetchReadingGroups, fetchTopicLimits, type TopicLimits } from '@orderstream/kafka';
import { type Admin } from 'kafkajs';

/** Source topics of one plan: each of them is asked for when the plan begins. */
const MAX_SOURCE_TOPICS = 100;
/** How long an answer of the brokers counts: the partitions of a topic ask one after the other. */
const FRESH_MS = 5_000;

/** The family of a raw topic; undefined for any other topic. */
export const familyOfRaw = (topic: string): Family | undefined => FAMILIES.find((family) => rawTopic(family) === topic);

/**
 * Why no letter of another program returns to this topic; undefined if one may. The writer of a letter chooses the name
 * of its source: it must not be a way into the topics of this system, or of the broker.
 */
export function sourceTopicProblem(topic: string, deadLetters: ReadonlySet<string>): string | undefined {
  if (topic.startsWith('__')) return `${topic} is an internal topic of Kafka`;
  if (topic.startsWith(TOPIC_PREFIX) && familyOfRaw(topic) === undefined) {
    return `${topic} is a topic of this system, and not a raw one`;
  }
  return deadLetters.has(topic) ? `${topic} is itself a topic of dead letters` : undefined;
}

/** The source topics of the letters of one plan, as they are now. */
export class SourceTopics {
  private reading: Promise<ReadonlyMap<string, TopicLimits>> | undefined;
  private found: ReadonlyMap<string, TopicLimits> = new Map();
  private readMs = -Infinity;
  private readonly names: ReadonlySet<string>;

  /** @param deadLetters topics of dead letters of other programs */
  constructor(
    private readonly admin: Admin,
    names: Iterable<string>,
    private readonly deadLetters: ReadonlySet<string>,
  ) {
    this.names = new Set(names);
  }

  /** Asks the brokers, unless their last answer is new. */
  async refresh(): Promise<void> {
    if (this.reading === undefined) {
      if (performance.now() - this.readMs < FRESH_MS) return;
      const names = [...this.names].filter((name) => sourceTopicProblem(name, this.deadLetters) === undefined);
      this.reading = fetchTopicLimits(this.admin, names);
    }
    try {
      this.found = await this.reading;
      this.readMs = performance.now();
    } finally {
      this.reading = undefined;
    }
  }

  /** The topic, if letters can return to it; otherwise why not. */
  find(name: string): TopicLimits | { readonly problem: string } {
    const problem = sourceTopicProblem(name, this.deadLetters);
    if (problem !== undefined) return { problem };
    if (!this.names.has(name)) {
      const most = String(MAX_SOURCE_TOPICS);
      return { problem: `${name} is not one of the first ${most} source topics of the plan: narrow the filter` };
    }
    return this.found.get(name) ?? { problem: `${name} does not exist` };
  }

  /** `max.message.bytes` of a source topic. */
  readonly maxBytesOf = (name: string): number | undefined => this.found.get(name)?.maxMessageBytes;
}

/** The consumer groups that read source topics now: asked again after a while, as it asks every group of the cluster. */
export class SourceReaders {
  private readonly groups = new Map<string, { readonly atMs: number; readonly groups: readonly string[] }>();

  constructor(private readonly admin: Admin) {}

  async of(topic: string): Promise<readonly string[]> {
    const known = this.groups.get(topic);
    if (known !== undefined && performance.now() - known.atMs < FRESH_MS) return known.groups;
    const groups = await fetchReadingGroups(this.admin, topic);
    this.groups.set(topic, { atMs: performance.now(), groups });
    return groups;
  }
}

/** Counts letters by the topic that their headers name: the first ones by name. */
export class SourceCount {
  private readonly counts = new Map<string, number>();

  add(topic: string): void {
    const count = this.counts.get(topic);
    if (count !== undefined || this.counts.size < MAX_SOURCE_TOPICS) this.counts.set(topic, (count ?? 0) + 1);
  }

  /** The most frequent first. */
  list(): readonly (readonly [topic: string, letters: number])[] {
    return [...this.counts].sort(([, a], [, b]) => b - a);
  }
}
