import type { Progress } from './progress';
import { AppendFailedError } from './sink-errors';
import type { SinkLife } from './sink-life';
import type { PartitionSinkParts } from './sink-parts';

/** How a partition comes by its write stream, and how it leaves it. */
export class StreamLife {
  private idleTimer: NodeJS.Timeout | undefined;
  private idleEnd: Promise<void> | undefined;

  constructor(
    private readonly parts: PartitionSinkParts,
    private readonly life: SinkLife,
    private readonly progress: Progress,
    /** Nothing is under way, waiting, or being taken. */
    private readonly isIdle: () => boolean,
  ) {}

  /** The partition goes on in a new stream from `offset`; known to be committed before the first append. */
  async name(offset: number): Promise<void> {
    const { parts, life, progress } = this;
    const { warehouse, observer, faults } = parts;
    life.enter('naming');
    const name = await warehouse.createStream();
    observer.streamCreated();
    await faults.reach('stream-created');
    const appender = await warehouse.connect(name);
    try {
      life.check();
      await progress.commit(() => {
        progress.passTo(offset);
        return { position: progress.at(offset, { name, rows: 0 }), records: [] };
      });
      await faults.reach('stream-named');
      life.enter('running');
    } catch (error) {
      appender.close();
      throw error;
    }
    progress.stream = { name, rows: 0, next: 0, appender };
  }

  /**
   * Ends the stream, so that neither a drained nor an idle partition depends on it any more. Only when all that was taken
   * is settled.
   */
  async end(): Promise<void> {
    const { parts, life, progress } = this;
    const { stream } = progress;
    if (life.state === 'counting' || life.state === 'opening') return;
    if (stream === undefined && progress.position <= progress.committed) return;
    life.enter('ending');
    if (stream !== undefined) {
      const finalized = await parts.warehouse.finalize(stream.name);
      await parts.faults.reach('stream-ended');
      if (finalized.kind !== 'rows' || finalized.rows !== stream.rows) {
        const found = finalized.kind === 'rows' ? `${String(finalized.rows)} rows` : finalized.kind;
        throw new AppendFailedError(
          `${life.place} ended its stream ${stream.name} after ${String(stream.rows)} rows and found ${found}`,
          'rejected',
        );
      }
      stream.appender.close();
    }
    await progress.commit(() => {
      progress.stream = undefined;
      return { position: progress.at(progress.position, undefined), records: [] };
    });
    await parts.faults.reach('end-committed');
    life.enter('ready');
  }

  /** The end of an idle stream, while it is under way. */
  get ending(): Promise<void> | undefined {
    return this.idleEnd;
  }

  /** Records come. */
  disarm(): void {
    clearTimeout(this.idleTimer);
  }

  /** From now on no records for `idleFinalizeMs`: the stream is ended. */
  arm(): void {
    clearTimeout(this.idleTimer);
    if (!this.life.isAlive) return;
    this.idleTimer = setTimeout(() => {
      if (this.life.state !== 'running' || !this.isIdle()) {
        this.arm();
        return;
      }
      this.idleEnd = this.end()
        .catch((error: unknown) => {
          this.life.fail(error);
        })
        .finally(() => {
          this.idleEnd = undefined;
        });
    }, this.parts.limits.idleFinalizeMs);
  }
}
