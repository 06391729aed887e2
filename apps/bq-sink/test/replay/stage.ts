import { setTimeout as delay } from 'node:timers/promises';

import { createWriteClient, WriteStreams } from '@orderstream/bigquery';
import { METADATA_COLUMNS, tableForFamily } from '@orderstream/contracts';

import { MemoryBackend } from '../../../../test/write-api-server/src/memory-backend';
import { WriteApiServer } from '../../../../test/write-api-server/src/write-api-server';
import type { Bounds } from '../model/bounds';
import { NO_OFFSETS, only } from '../model/log';
import { formatPosition, NO_STREAM } from '../model/state';
import { decodePosition } from '../../src/streams/position';
import type { PartitionSinkParts } from '../../src/streams/sink-parts';
import { Actor, type SentAppend, type World } from './actor';
import { Coordinator } from './coordinator';
import { type HeldAppend, HeldAppends } from './held-appends';
import { TABLE } from './log';

const PATH = `projects/${TABLE.project}/datasets/${TABLE.dataset}/tables/${TABLE.table}`;
const DEADLINE_MS = 10_000;
const MAX_OWNERS = 10;

export interface StageOptions {
  readonly bounds: Bounds;
  /** Transactional ids are the partition's. */
  readonly fences?: boolean;
  /** Takes a rule out of the code's protocol. */
  readonly broken?: (parts: PartitionSinkParts, actor: Actor) => PartitionSinkParts;
}

/** One partition, its coordinator, BigQuery behind the Write API server of the tests, and two processes that come and go. */
export class Stage {
  readonly coordinator: Coordinator;
  readonly actors = new Map<string, Actor>();
  readonly all: Actor[] = [];
  private readonly memory = new MemoryBackend();
  private readonly appends = new HeldAppends(this.memory);
  private readonly server = new WriteApiServer({ backend: this.appends });
  private readonly table = this.memory.createTable(PATH, [...tableForFamily('orders').columns, ...METADATA_COLUMNS]);
  private readonly streamNames: string[] = [];
  private streams: WriteStreams | undefined;
  private world: World | undefined;
  /** Of the log. */
  end: number;

  constructor(private readonly options: StageOptions) {
    const { log, grows } = options.bounds;
    this.end = log.length - grows;
    this.coordinator = new Coordinator(options.fences ?? true);
  }

  async start(): Promise<void> {
    const grpcEndpoint = await this.server.start();
    const streams = new WriteStreams(createWriteClient({ ...TABLE, location: 'US', grpcEndpoint }));
    this.streams = streams;
    this.world = {
      entries: this.options.bounds.log,
      end: () => this.end,
      streams,
      coordinator: this.coordinator,
      nameStream: (stream) => `s${String(this.streamNames.push(stream) - 1)}`,
      streamName: (stream) => this.streamName(stream),
      // As BigQueryWarehouse asks it: rows that came by a replay do not count.
      lastOffset: (from, excluded) =>
        this.offsets(false)
          .filter((o) => o >= from && !excluded.includes(o))
          .sort((a, b) => a - b)
          .at(-1),
      lastRow: () => Math.max(-1, ...this.offsets(true)),
      nothingLands: () => this.landAccepted(),
      broken: (parts, actor) => this.options.broken?.(parts, actor) ?? parts,
    };
  }

  async stop(): Promise<void> {
    await Promise.all(this.all.map((actor) => actor.sink.close()));
    await this.streams?.close();
    await this.server.stop();
  }

  /** The partition is assigned to a process, which opens it anew. */
  async assign(name: string): Promise<Actor> {
    if (this.world === undefined) throw new Error('not started');
    await this.actors.get(name)?.sink.close();
    const actor = new Actor(this.world);
    this.actors.set(name, actor);
    this.all.push(actor);
    return actor;
  }

  /** The append is with BigQuery, or waits on its connection behind others. */
  async received(): Promise<void> {
    const sent = this.all.reduce((sum, actor) => sum + actor.sent.length, 0);
    await this.until('the append has arrived', () => this.server.counts.requests === sent);
  }

  /** Appends that BigQuery could look at now, as the model tells of them. */
  held(): readonly { readonly append: HeldAppend; readonly sent: SentAppend; readonly told: string }[] {
    return this.appends.held.flatMap((append) => {
      const sent = this.sentOf(append);
      return sent === undefined ? [] : [{ append, sent, told: this.tell(sent) }];
    });
  }

  /** Appends of a process that BigQuery has not looked at. */
  unanswered(actor: Actor): number {
    return actor.sent.length - actor.reached.filter((step) => step === 'append-answered').length;
  }

  /** A producer appends the next entry to the log. Returns its offset. */
  produce(): number {
    return this.end++;
  }

  tell({ offsets, stream, at }: SentAppend): string {
    return `[${offsets.join(' ')}] to ${this.streamName(stream)} at ${String(at)}`;
  }

  /** What is committed, as the model tells of it. */
  tellPosition(offset: number | undefined, metadata: string | undefined): string {
    if (offset === undefined) return formatPosition(undefined);
    const position = decodePosition(offset, metadata ?? '');
    if (position === undefined) return `${String(offset)} with ${String(metadata)}`;
    const { stream, exclusions } = position;
    return formatPosition({
      offset,
      stream: stream === undefined ? NO_STREAM : this.streamNames.indexOf(stream.name),
      rows: stream?.rows ?? 0,
      exclusions: exclusions.offsets.reduce((set, excluded) => set | only(excluded), NO_OFFSETS),
    });
  }

  vanishStreams(): string {
    if (this.streamNames.length !== 1) throw new Error('only the one stream that there is can vanish');
    this.appends.vanishStreams(this.options.bounds.acceptedMayLandAfterExpiry);
    return 's0';
  }

  /** An operator sends a dead letter again, patched: a row with the original coordinates. */
  replay(offset: number): void {
    this.table.rows.push({ _kafka_offset: offset, _retry_partition: 0 });
  }

  /**
   * Nothing more goes wrong: owners come until one has drained the log. Then zombies go on until they learn better, what is
   * still under way lands, and one last owner looks.
   * @returns what is wrong with what the table and the dead letters hold
   */
  async calmDown(): Promise<readonly string[]> {
    this.end = this.options.bounds.log.length;
    this.appends.free();
    this.coordinator.calmDown();
    const stops = await this.finish(this.all.find((actor) => actor === this.coordinator.owner));
    for (const zombie of this.all.filter((actor) => actor.isUsable() && actor !== this.coordinator.owner)) {
      await Promise.race([zombie.finish(), delay(1_000, undefined, { ref: false })]);
    }
    for (const append of [...this.appends.held]) await append.look();
    if (stops.length === 0) stops.push(...(await this.finish(undefined)));
    // Nor has a former owner any reason to.
    const asked = this.all.flatMap(({ stopped }) => stopped ?? []);
    return [...new Set([...stops, ...asked]), ...this.problems()];
  }

  async until(what: string, holds: () => boolean): Promise<void> {
    const deadline = performance.now() + DEADLINE_MS;
    while (!holds()) {
      if (performance.now() > deadline) throw new Error(`waited in vain: ${what}`);
      await delay(2);
    }
  }

  private async finish(owner: Actor | undefined): Promise<string[]> {
    let actor = owner?.isUsable() === true ? owner : await this.assign('C');
    for (let owners = 1; owners <= MAX_OWNERS; owners++) {
      for (const { append, sent } of this.held()) if (sent.by === actor) await append.look();
      if (await actor.finish()) return [];
      if (actor.stopped !== undefined) return [actor.stopped];
      await actor.sink.close();
      actor = await this.assign('C');
    }
    return [`${String(MAX_OWNERS)} owners did not come to the end of the log`];
  }

  /** Each record must be one row or one dead letter, and the rows in order. */
  private problems(): string[] {
    const { log } = this.options.bounds;
    const rows = this.offsets(false);
    const dead = this.coordinator.deadLetters;
    const problems = rows.flatMap((offset, index) =>
      index > 0 && (rows[index - 1] ?? -1) > offset
        ? [`record ${String(offset)} is in the table behind a later one`]
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
      if (inTable > 0 !== (entry === 'o') && inTable + inDead > 0) problems.push(`${record} is not where it belongs`);
    });
    return problems;
  }

  /** In the order in which they landed. */
  private offsets(withReplayed: boolean): number[] {
    return this.table.rows
      .filter((row) => withReplayed || row._retry_partition === undefined)
      .map((row) => Number(row._kafka_offset));
  }

  private async landAccepted(): Promise<void> {
    for (const append of this.appends.held.filter(({ isAccepted }) => isAccepted)) await append.look();
  }

  private streamName(stream: string): string {
    return `s${String(this.streamNames.indexOf(stream))}`;
  }

  private sentOf(append: HeldAppend): SentAppend | undefined {
    return this.all
      .flatMap(({ sent }) => sent)
      .findLast(({ stream, at }) => stream === append.stream && at === append.at);
  }
}
