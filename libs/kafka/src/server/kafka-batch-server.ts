import { type CustomTransportStrategy, Server } from '@nestjs/microservices';
import { type PartitionRef } from '../record';
import { type KafkaBatchServerOptions, type ServerHealth, type ServerStatus } from './server-options';

export interface OffsetToCommit extends PartitionRef {
  /** The next offset to read. */
  readonly offset: number;
}

export class KafkaBatchServer extends Server implements CustomTransportStrategy {
  constructor(private readonly settings: KafkaBatchServerOptions) {
    super();
  }
  listen(callback: (error?: unknown) => void): void {
    callback(new Error(`not built yet ${String(this.settings)}`));
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
  override on(): never {
    throw new Error('KafkaBatchServer has no events; see status() and health()');
  }
  override unwrap<T>(): T {
    throw new Error('KafkaBatchServer wraps no driver');
  }
  /** Pauses every partition, those assigned later too, until resume(). */
  pause(): void {
    throw new Error('not built yet');
  }
  resume(): void {
    throw new Error('not built yet');
  }
  /** Opens a partition that a handler stopped. */
  resumePartition(partition: PartitionRef): void {
    throw new Error(`not built yet ${String(partition)}`);
  }
  /** Pauses one partition (the service's own reason: circuit breaker, unknown reference). */
  pausePartition(partition: PartitionRef, reason: string): void {
    throw new Error(`not built yet ${String(partition)} ${reason}`);
  }
  /** Closes and re-opens the partition as after a `retry`, from outside of the handler (a commit behind it failed). */
  retryPartition(partition: PartitionRef, afterMs: number, cause: unknown): void {
    throw new Error(`not built yet ${String(partition)} ${String(afterMs)} ${String(cause)}`);
  }
  /** Stops the partition as a `stop` outcome does, from outside of the handler. */
  stopPartition(partition: PartitionRef, cause: Error): void {
    throw new Error(`not built yet ${String(partition)} ${String(cause)}`);
  }
  /** For at-least-once services only: commits with the member's generation, so a former owner is refused. */
  commitOffsets(offsets: readonly OffsetToCommit[]): Promise<void> {
    throw new Error(`not built yet ${String(offsets)}`);
  }
  /** State of the group and of each assigned partition. (`status` is taken by the base class.) */
  describe(): ServerStatus {
    throw new Error('not built yet');
  }
  health(): ServerHealth {
    throw new Error('not built yet');
  }
}
