import { setTimeout as delay } from 'node:timers/promises';

import { type Family, deadLetterTopic, rawTopic, stateTopic, validatedTopic } from '@orderstream/contracts';
import { ensureTopics, type KafkaRecord, readPartition } from '@orderstream/kafka';
import type { Kafka } from 'kafkajs';

import { type Memory, NOTHING, type Outcome, remember, verdicts } from '../model/evaluation';
import { Actor } from './actor';
import type { Breakage } from './held-kafka';
import { contentsOf, memoryOf, offsetOf } from './letters';

const MAX_TRIES = 5;

export interface StageOptions {
  readonly kafka: Kafka;
  readonly family: Family;
  readonly partition: number;
  /** Of the model. */
  readonly input: string;
  /** Of each process, by the how-manieth it is. */
  readonly breakage?: (process: number) => Breakage;
}

/** Makes the topics of a family that only replays use: a partition for each of them. */
export async function ensureFamily(kafka: Kafka, family: Family, partitions: number): Promise<readonly string[]> {
  const raw = rawTopic(family);
  const names = [raw, validatedTopic(family), stateTopic(family), deadLetterTopic(raw, 'validator')];
  const specs = names.map((name) => ({
    name,
    partitions,
    cleanup: name === stateTopic(family) ? ('compact' as const) : ('delete' as const),
    ...(name === stateTopic(family) ? {} : { retentionMs: 3_600_000 }),
    maxMessageBytes: 4_259_840,
    timestamps: 'CreateTime' as const,
  }));
  await ensureTopics(kafka, specs, { replication: 1 });
  return names;
}

/** One input partition on the broker, and two processes that come and go. */
export class Stage {
  readonly actors = new Map<string, Actor>();
  readonly all: Actor[] = [];
  /** Who fenced last. */
  owner: Actor | undefined;
  /** By their numbers in the model: the metadata of every commit that was sent. */
  private readonly commits: string[] = [''];

  constructor(readonly options: StageOptions) {}

  async stop(): Promise<void> {
    await Promise.all(this.all.map((actor) => actor.close()));
  }

  /** A process with this name: the one that there is, or a new one. */
  process(name: string): Actor {
    const found = this.actors.get(name);
    if (found !== undefined) return found;
    const { breakage = () => ({}), ...options } = this.options;
    const actor = new Actor({
      ...options,
      breakage: breakage(this.all.length),
      onCommit: (by, metadata) => {
        by.commit = this.commits.push(metadata) - 1;
      },
    });
    this.actors.set(name, actor);
    this.all.push(actor);
    return actor;
  }

  /** Killed: what it sent goes on without it. */
  kill(name: string): Actor | undefined {
    const actor = this.actors.get(name);
    this.actors.delete(name);
    actor?.calls.kill();
    if (this.owner === actor) this.owner = undefined;
    return actor;
  }

  /**
   * What is committed when this commit is, or what is after so long: a commit is answered before it is to be read.
   * @param number its name in the model
   */
  async committedBy(number: number, timeoutMs: number): ReturnType<Stage['committed']> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const committed = await this.committed();
      if (committed.commit === number || performance.now() > deadline) return committed;
      await delay(10);
    }
  }

  /** What is committed, as the model tells of it. */
  async committed(): Promise<{ readonly offset: number; readonly commit: number }> {
    const { kafka, family, partition } = this.options;
    const admin = kafka.admin();
    await admin.connect();
    try {
      const topic = rawTopic(family);
      const [found] = await admin.fetchOffsets({ groupId: `validator-${family}`, topics: [topic] });
      const at = found?.partitions.find((each) => each.partition === partition);
      if (at === undefined || Number(at.offset) < 0) return { offset: 0, commit: 0 };
      return { offset: Number(at.offset), commit: this.commits.indexOf(at.metadata ?? '') };
    } finally {
      await admin.disconnect();
    }
  }

  /** Nothing more goes wrong: an owner comes to the end, zombies go on until they learn better, and one last owner looks. */
  async calmDown(): Promise<readonly string[]> {
    const { owner } = this;
    const actor = owner ?? this.process('C');
    if (owner === undefined) await actor.open();
    const isThrough = await actor.finish(MAX_TRIES);
    for (const zombie of this.actors.values()) if (zombie !== actor) await zombie.finish(1);
    // Zombies that open again are owners; what they leave is looked at by one who knows nothing.
    const last = this.process('D');
    await last.open();
    const isStill = await last.finish(MAX_TRIES);
    const problems = isThrough && isStill ? [] : ['no owner came to the end of the input'];
    const stops = this.all.some(({ stopped }) => stopped !== undefined)
      ? ['stops and asks: the state is that of another position']
      : [];
    return [...problems, ...stops, ...this.memoryProblems(last), ...(await this.problems(last))];
  }

  /** Who came to the end has in memory what one who knows nothing restores from the state topic. */
  private memoryProblems({ state: restored }: Actor): readonly string[] {
    if (restored === undefined) return ['nothing was restored'];
    const right = JSON.stringify(contentsOf(restored));
    return [...this.actors.values()].flatMap(({ state }) =>
      state === undefined || state.nextOffset !== restored.nextOffset || JSON.stringify(contentsOf(state)) === right
        ? []
        : ['the memory at the end does not follow from the outcomes'],
    );
  }

  /** Each record must have one outcome, in order, and that which follows from those before; and the state must too. */
  private async problems(last: Actor): Promise<readonly string[]> {
    const { family, input } = this.options;
    const passed = (await this.read(validatedTopic(family))).map(offsetOf);
    const dead = (await this.read(deadLetterTopic(rawTopic(family), 'validator'))).map(({ headers }) =>
      Number(headers['dlq-source-offset']),
    );
    const problems: string[] = [];
    for (const offsets of [passed, dead]) {
      if (offsets.some((offset, index) => offset < (offsets[index - 1] ?? 0)))
        problems.push('records are out of order');
    }
    let memory: Memory = NOTHING;
    Array.from(input, (letter, offset) => {
      const outcomes: readonly Outcome[] = [
        ...passed.filter((each) => each === offset).map(() => 'accepted' as const),
        ...dead.filter((each) => each === offset).map(() => 'rejected' as const),
      ];
      // Nothing tells of a record that was skipped, but the accounts.
      const [outcome = 'skipped'] = outcomes;
      if (outcomes.length > 1) problems.push(`record ${String(offset)} has two outcomes`);
      if (!verdicts(letter, memory).includes(outcome)) {
        problems.push(`record ${String(offset)} is ${outcome} by a state that is not that of its offset`);
      }
      memory = remember(memory, letter, outcome);
    });
    const kept = last.state === undefined ? undefined : memoryOf(last.state);
    if (JSON.stringify(kept) !== JSON.stringify(memory)) {
      problems.push(`the state ${JSON.stringify(kept)} does not follow from the outcomes: ${JSON.stringify(memory)}`);
    }
    return problems;
  }

  private async read(topic: string): Promise<readonly KafkaRecord[]> {
    const records: KafkaRecord[] = [];
    const { kafka, partition } = this.options;
    await readPartition(
      kafka,
      { topic, partition, from: 'beginning', until: 'end', isolation: 'committed' },
      (batch) => {
        records.push(...batch.records);
      },
    );
    return records;
  }
}
