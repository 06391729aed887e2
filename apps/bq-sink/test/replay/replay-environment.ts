import { setTimeout as delay } from 'node:timers/promises';

import { createWriteClient, WriteStreams } from '@orderstream/bigquery';
import { METADATA_COLUMNS, tableForFamily } from '@orderstream/contracts';

import { MemoryBackend } from '../../../../test/write-api-server/src/memory-backend';
import { WriteApiServer } from '../../../../test/write-api-server/src/write-api-server';
import type { Bounds } from '../model/bounds';
import { formatPosition, NO_STREAM } from '../model/state';
import { decodePosition } from '../../src/streams/position';
import type { PartitionSinkDependencies } from '../../src/streams/sink-dependencies';
import { Coordinator } from './coordinator';
import { type HeldAppend, HeldAppends } from './held-appends';
import { TABLE } from './log';
import { type SentAppend, type SharedServers, SinkProcess } from './sink-process';

const PATH = `projects/${TABLE.project}/datasets/${TABLE.dataset}/tables/${TABLE.table}`;
const DEADLINE_MS = 10_000;
const MAX_OWNERS = 10;

export interface ReplayOptions {
  readonly bounds: Bounds;
  /** False if each instance has its own transactional id. Default: true. */
  readonly fences?: boolean;
  /** Removes a rule from the protocol of the code. */
  readonly broken?: (dependencies: PartitionSinkDependencies, process: SinkProcess) => PartitionSinkDependencies;
}

/**
 * What a replay runs on: one partition, its coordinator, BigQuery behind the tests' Write API server, and the processes
 * that own the partition one after the other.
 */
export class ReplayEnvironment {
  readonly coordinator: Coordinator;
  /** The current process of each name. */
  readonly current = new Map<string, SinkProcess>();
  readonly processes: SinkProcess[] = [];
  private readonly memory = new MemoryBackend();
  private readonly appends = new HeldAppends(this.memory);
  private readonly server = new WriteApiServer({ backend: this.appends });
  private readonly table = this.memory.createTable(PATH, [...tableForFamily('orders').columns, ...METADATA_COLUMNS]);
  private readonly streamNames: string[] = [];
  private streams: WriteStreams | undefined;
  private servers: SharedServers | undefined;
  areStreamsExpired = false;
  /** End of the log. */
  end: number;

  constructor(private readonly options: ReplayOptions) {
    const { log, grows } = options.bounds;
    this.end = log.length - grows;
    this.coordinator = new Coordinator(options.fences ?? true);
  }

  async start(): Promise<void> {
    const grpcEndpoint = await this.server.start();
    const streams = new WriteStreams(createWriteClient({ ...TABLE, location: 'US', grpcEndpoint }));
    this.streams = streams;
    this.servers = {
      entries: this.options.bounds.log,
      end: () => this.end,
      streams,
      coordinator: this.coordinator,
      nameStream: (stream) => `s${String(this.streamNames.push(stream) - 1)}`,
      streamName: (stream) => this.streamName(stream),
      // Like the query of BigQueryWarehouse, without replayed rows.
      lastOffset: (from) =>
        this.offsets(false)
          .filter((o) => o >= from)
          .sort((a, b) => a - b)
          .at(-1),
      lastRow: () => Math.max(-1, ...this.offsets(true)),
      allAppendsLanded: () => this.landAccepted(),
      broken: (dependencies, process) => this.options.broken?.(dependencies, process) ?? dependencies,
    };
  }

  async stop(): Promise<void> {
    await Promise.all(this.processes.map((process) => process.sink.close()));
    await this.streams?.close();
    await this.server.stop();
  }

  /** Assigns the partition to a process, which opens it with a new sink. */
  async assign(name: string): Promise<SinkProcess> {
    if (this.servers === undefined) throw new Error('not started');
    await this.current.get(name)?.sink.close();
    const process = new SinkProcess(this.servers);
    this.current.set(name, process);
    this.processes.push(process);
    return process;
  }

  /** Waits until BigQuery has received every append sent. It may still be queued on its connection. */
  async waitUntilReceived(): Promise<void> {
    const sent = this.processes.reduce((sum, process) => sum + process.sent.length, 0);
    await this.until('every append is received', () => this.server.counts.requests === sent);
  }

  /** The appends that BigQuery can process next, with their details in the format of the model. */
  held(): readonly { readonly append: HeldAppend; readonly sent: SentAppend; readonly detail: string }[] {
    return this.appends.held.flatMap((append) => {
      const sent = this.sentOf(append);
      return sent === undefined ? [] : [{ append, sent, detail: this.describeAppend(sent) }];
    });
  }

  /** Number of the process's appends that are not answered. */
  unanswered(process: SinkProcess): number {
    return process.sent.length - process.reached.filter((step) => step === 'append-answered').length;
  }

  /** Appends the next entry to the log and returns its offset. */
  produce(): number {
    return this.end++;
  }

  describeAppend({ offsets, stream, at }: SentAppend): string {
    return `[${offsets.join(' ')}] to ${this.streamName(stream)} at ${String(at)}`;
  }

  /** A committed position in the format of the model. */
  describePosition(offset: number | undefined, metadata: string | undefined): string {
    if (offset === undefined) return formatPosition(undefined);
    const position = decodePosition(offset, metadata ?? '');
    if (position === undefined) return `${String(offset)} with ${String(metadata)}`;
    const { stream } = position;
    return formatPosition({
      offset,
      stream: stream === undefined ? NO_STREAM : this.streamNames.indexOf(stream.name),
      rows: stream?.rows ?? 0,
    });
  }

  expireStreams(): string {
    if (this.streamNames.length !== 1) throw new Error('a replay supports the expiry of a single stream only');
    this.areStreamsExpired = true;
    this.appends.expireStreams(this.options.bounds.acceptedMayLandAfterExpiry);
    return 's0';
  }

  /** Adds the row of a replayed dead letter, which has the original coordinates. */
  replayDeadLetter(offset: number): void {
    this.table.rows.push({ _kafka_offset: offset, _retry_partition: 0 });
  }

  /**
   * Finishes the run without further faults: owners follow one another until one has drained the log. Then zombies
   * continue, appends in flight land, and a last owner opens the partition.
   * @returns what is wrong with the rows and the dead letters, and the messages of stopped partitions
   */
  async finishAndVerify(): Promise<readonly string[]> {
    this.end = this.options.bounds.log.length;
    this.appends.releaseAll();
    this.coordinator.releaseAll();
    const stops = await this.finish(this.processes.find((process) => process === this.coordinator.owner));
    const zombies = this.processes.filter((process) => process.isUsable() && process !== this.coordinator.owner);
    for (const zombie of zombies) {
      await Promise.race([zombie.finish(), delay(1_000, undefined, { ref: false })]);
    }
    for (const append of [...this.appends.held]) await append.process();
    if (stops.length === 0) stops.push(...(await this.finish(undefined)));
    // A fenced owner must not stop the partition either.
    const stopped = this.processes.flatMap((process) => process.stopped ?? []);
    return [...new Set([...stops, ...stopped]), ...this.problems()];
  }

  private async until(what: string, holds: () => boolean): Promise<void> {
    const deadline = performance.now() + DEADLINE_MS;
    while (!holds()) {
      if (performance.now() > deadline) throw new Error(`timed out waiting until ${what}`);
      await delay(2);
    }
  }

  private async finish(owner: SinkProcess | undefined): Promise<string[]> {
    let process = owner?.isUsable() === true ? owner : await this.assign('C');
    for (let owners = 1; owners <= MAX_OWNERS; owners++) {
      for (const { append, sent } of this.held()) if (sent.by === process) await append.process();
      if (await process.finish()) return [];
      if (process.stopped !== undefined) return [process.stopped];
      await process.sink.close();
      process = await this.assign('C');
    }
    return [`${String(MAX_OWNERS)} owners did not reach the end of the log`];
  }

  /** Each record must be one row or one dead letter, and the rows in order. */
  private problems(): string[] {
    const { log } = this.options.bounds;
    const rows = this.offsets(false);
    const dead = this.coordinator.deadLetters;
    const problems = rows.flatMap((offset, index) =>
      index > 0 && (rows[index - 1] ?? -1) > offset
        ? [`record ${String(offset)} is in the table after a later one`]
        : [],
    );
    Array.from(log, (entry, offset) => {
      const record = `record ${String(offset)}`;
      const inTable = rows.filter((row) => row === offset).length;
      const inDead = dead.filter((letter) => letter === offset).length;
      if (inTable > 1) problems.push(`${record} is in the table twice`);
      if (inDead > 1) problems.push(`${record} is in the dead letters twice`);
      if (inTable > 0 && inDead > 0) problems.push(`${record} is in the dead letters and in the table`);
      if (inTable + inDead === 0) problems.push(`${record} is lost`);
      if (inTable > 0 !== (entry === 'o') && inTable + inDead > 0)
        problems.push(`${record} is ${inTable > 0 ? 'in the table' : 'in the dead letters'} and belongs to the other`);
    });
    return problems;
  }

  /** Offsets of the rows, in the order in which they landed. */
  private offsets(withReplayed: boolean): number[] {
    return this.table.rows
      .filter((row) => withReplayed || row._retry_partition === undefined)
      .map((row) => Number(row._kafka_offset));
  }

  private async landAccepted(): Promise<void> {
    for (const append of this.appends.held.filter(({ isAccepted }) => isAccepted)) await append.process();
  }

  private streamName(stream: string): string {
    return `s${String(this.streamNames.indexOf(stream))}`;
  }

  private sentOf(append: HeldAppend): SentAppend | undefined {
    return this.processes
      .flatMap(({ sent }) => sent)
      .findLast(({ stream, at }) => stream === append.stream && at === append.at);
  }
}
