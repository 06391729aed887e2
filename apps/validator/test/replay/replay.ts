import { setTimeout as delay } from 'node:timers/promises';

import { type Family, deadLetterTopic, rawTopic, stateTopic, validatedTopic } from '@orderstream/contracts';
import { ensureTopics, type KafkaRecord, readPartition } from '@orderstream/kafka';
import type { Kafka } from 'kafkajs';

import { type Memory, NOTHING, type Outcome, possibleOutcomes, remember } from '../model/evaluation';
import type { Breakage } from './held-kafka';
import { contentsOf, memoryOf, offsetOf } from './model-records';
import { ReplayedProcess } from './replayed-process';

const MAX_TRIES = 5;

export interface ReplayOptions {
  readonly kafka: Kafka;
  readonly family: Family;
  readonly partition: number;
  /** The input of the model. */
  readonly input: string;
  /** Faults of a process, by its number from 0. */
  readonly breakage?: (process: number) => Breakage;
}

/** Creates the topics of a family that only replays use, with a partition for each replay. */
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

/** One input partition on the broker, and the processes that open it. */
export class Replay {
  /** Living processes by their names in the model. */
  readonly processes = new Map<string, ReplayedProcess>();
  readonly allProcesses: ReplayedProcess[] = [];
  /** The process that fenced last. */
  owner: ReplayedProcess | undefined;
  /** The metadata of every commit that was sent, by its number in the model. */
  private readonly commits: string[] = [''];

  constructor(readonly options: ReplayOptions) {}

  async stop(): Promise<void> {
    await Promise.all(this.allProcesses.map((process) => process.close()));
  }

  /** The living process of this name, or a new one. */
  process(name: string): ReplayedProcess {
    const found = this.processes.get(name);
    if (found !== undefined) return found;
    const { breakage = () => ({}), ...options } = this.options;
    const process = new ReplayedProcess({
      ...options,
      breakage: breakage(this.allProcesses.length),
      onCommit: (by, metadata) => {
        by.commit = this.commits.push(metadata) - 1;
      },
    });
    this.processes.set(name, process);
    this.allProcesses.push(process);
    return process;
  }

  /** Kills a process. The requests that it has sent may still take effect. */
  kill(name: string): ReplayedProcess | undefined {
    const process = this.processes.get(name);
    this.processes.delete(name);
    process?.calls.kill();
    if (this.owner === process) this.owner = undefined;
    return process;
  }

  /**
   * Waits until this commit is committed, and returns what is committed then, or at the timeout: a commit is answered
   * before it can be read.
   * @param number of the commit in the model
   */
  async committedBy(number: number, timeoutMs: number): ReturnType<Replay['committed']> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const committed = await this.committed();
      if (committed.commit === number || performance.now() > deadline) return committed;
      await delay(10);
    }
  }

  /** The committed offset, and the number of its commit in the model. */
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

  /**
   * Runs to the end without further faults: the owner validates the rest, the zombies go on until they are fenced, and
   * a new process restores the state. Returns the violations that are found then.
   */
  async finish(): Promise<readonly string[]> {
    const { owner } = this;
    const process = owner ?? this.process('C');
    if (owner === undefined) await process.open();
    const isFinished = await process.finish(MAX_TRIES);
    for (const zombie of this.processes.values()) if (zombie !== process) await zombie.finish(1);
    // A zombie that opens again is an owner: the new process starts after all of them.
    const last = this.process('D');
    await last.open();
    const isStill = await last.finish(MAX_TRIES);
    const unfinished = isFinished && isStill ? [] : ['no owner reached the end of the input'];
    const stops = this.allProcesses.some(({ stopped }) => stopped !== undefined)
      ? ['stops: the state is of another offset']
      : [];
    return [...unfinished, ...stops, ...this.memoryViolations(last), ...(await this.outcomeViolations(last))];
  }

  /** A process at the end of the input must have the same state as one that restores it from the state topic. */
  private memoryViolations({ state: restored }: ReplayedProcess): readonly string[] {
    if (restored === undefined) return ['no state was restored'];
    const expected = JSON.stringify(contentsOf(restored));
    return [...this.processes.values()].flatMap(({ state }) =>
      state === undefined || state.nextOffset !== restored.nextOffset || JSON.stringify(contentsOf(state)) === expected
        ? []
        : ['the memory at the end does not follow from the outcomes'],
    );
  }

  /** Each record must have one outcome, in order, that follows from those before; so must the state. */
  private async outcomeViolations(last: ReplayedProcess): Promise<readonly string[]> {
    const { family, input } = this.options;
    const validated = (await this.read(validatedTopic(family))).map(offsetOf);
    const deadLettered = (await this.read(deadLetterTopic(rawTopic(family), 'validator'))).map(({ headers }) =>
      Number(headers['dlq-source-offset']),
    );
    const violations: string[] = [];
    for (const offsets of [validated, deadLettered]) {
      if (offsets.some((offset, index) => offset < (offsets[index - 1] ?? 0))) {
        violations.push('records are out of order');
      }
    }
    let memory: Memory = NOTHING;
    Array.from(input, (letter, offset) => {
      const outcomes: readonly Outcome[] = [
        ...validated.filter((each) => each === offset).map(() => 'accepted' as const),
        ...deadLettered.filter((each) => each === offset).map(() => 'rejected' as const),
      ];
      // A skipped record leaves a trace in the accounts alone.
      const [outcome = 'skipped'] = outcomes;
      if (outcomes.length > 1) violations.push(`record ${String(offset)} has two outcomes`);
      if (!possibleOutcomes(letter, memory).includes(outcome)) {
        violations.push(`record ${String(offset)} is ${outcome} by the state of another offset`);
      }
      memory = remember(memory, letter, outcome);
    });
    const restored = last.state === undefined ? undefined : memoryOf(last.state);
    if (JSON.stringify(restored) !== JSON.stringify(memory)) {
      const [actual, expected] = [JSON.stringify(restored), JSON.stringify(memory)];
      violations.push(`the state ${actual} does not follow from the outcomes: ${expected}`);
    }
    return violations;
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
