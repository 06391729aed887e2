import type { Progress } from './progress';
import type { PartitionSinkDependencies } from './sink-dependencies';
import { AppendFailedError } from './sink-errors';
import type { SinkLifecycle } from './sink-lifecycle';

/** Assigns a write stream to the partition, and ends it when the partition is drained or idle. */
export class StreamAssignment {
  private idleTimer: NodeJS.Timeout | undefined;
  private idleEnd: Promise<void> | undefined;

  constructor(
    private readonly dependencies: PartitionSinkDependencies,
    private readonly lifecycle: SinkLifecycle,
    private readonly progress: Progress,
    /** No append is in flight, no record is queued, and no `take` is pending. */
    private readonly isIdle: () => boolean,
  ) {}

  /** Creates a stream and commits it for `offset`. No append is sent before that commit is known to have succeeded. */
  async assign(offset: number): Promise<void> {
    const { lifecycle, progress } = this;
    const { warehouse, observer, faults } = this.dependencies;
    lifecycle.enter('assigning');
    const name = await warehouse.createStream();
    const createdAtMs = performance.now();
    observer.streamCreated();
    await faults.reach('stream-created');
    const appender = await warehouse.connect(name);
    try {
      lifecycle.assertActive();
      await progress.commit(() => {
        progress.advanceTo(offset);
        return { position: progress.positionAt(offset, { name, rows: 0 }), records: [] };
      });
      await faults.reach('stream-assigned');
      lifecycle.enter('running');
    } catch (error) {
      appender.close();
      throw error;
    }
    progress.stream = { name, rows: 0, next: 0, createdAtMs, appender };
  }

  /**
   * Finalizes the stream and commits a position without a stream, so that a drained or idle partition does not depend on
   * one. Call it only when every record taken is settled.
   */
  async end(): Promise<void> {
    const { dependencies, lifecycle, progress } = this;
    const { stream } = progress;
    if (lifecycle.state === 'opening') return;
    if (stream === undefined && progress.position <= progress.committed) return;
    lifecycle.enter('ending');
    if (stream !== undefined) {
      const finalized = await dependencies.warehouse.finalize(stream.name);
      await dependencies.faults.reach('stream-ended');
      if (finalized.kind !== 'rows' || finalized.rows !== stream.rows) {
        const found = finalized.kind === 'rows' ? `${String(finalized.rows)} rows` : finalized.kind;
        throw new AppendFailedError(
          `${lifecycle.partitionName}: ${String(stream.rows)} rows of stream ${stream.name} were acknowledged, ` +
            `but finalizing it returned ${found}`,
          'rejected',
        );
      }
      stream.appender.close();
    }
    await progress.commit(() => {
      progress.stream = undefined;
      return { position: progress.positionAt(progress.position, undefined), records: [] };
    });
    await dependencies.faults.reach('end-committed');
    lifecycle.enter('ready');
  }

  /** Pending while an idle stream is being ended. */
  get ending(): Promise<void> | undefined {
    return this.idleEnd;
  }

  stopIdleTimer(): void {
    clearTimeout(this.idleTimer);
  }

  /** Ends the stream after `idleFinalizeMs` without records. */
  startIdleTimer(): void {
    clearTimeout(this.idleTimer);
    if (!this.lifecycle.isActive) return;
    this.idleTimer = setTimeout(() => {
      if (this.lifecycle.state !== 'running' || !this.isIdle()) {
        this.startIdleTimer();
        return;
      }
      this.idleEnd = this.end()
        .catch((error: unknown) => {
          this.lifecycle.fail(error);
        })
        .finally(() => {
          this.idleEnd = undefined;
        });
    }, this.dependencies.limits.idleFinalizeMs);
  }
}
