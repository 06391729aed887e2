import { status } from '@grpc/grpc-js';

import type { PublishMessage } from './message';
import { grpcStatus, PublishFailedError } from './publish-errors';
import type { PublishCall } from './publisher';

/**
 * A publish call that puts topic and subscription up again when they are gone (the emulator forgets them at a restart).
 *
 * Failure semantics: what is published between the creation of a topic and that of its subscription reaches nobody,
 * though it is acknowledged. So nothing is sent while they are put up, and a request that was under way when that
 * began counts as failed even if it was acknowledged: it is published again.
 */
export class TopologyGuard {
  private doubtful = false;
  private repairs = 0;
  private repairing: Promise<void> | undefined;

  /**
   * @param ensure creates what is missing
   * @param forgetful the server may have lost everything whenever its connection breaks (an emulator)
   */
  constructor(
    private readonly call: PublishCall,
    private readonly ensure: () => Promise<void>,
    private readonly forgetful: boolean,
  ) {}

  readonly publish = async (messages: readonly PublishMessage[], signal: AbortSignal): Promise<void> => {
    if (this.doubtful) await this.repair();
    const before = this.repairs;
    try {
      await this.call(messages, signal);
    } catch (error) {
      const code = grpcStatus(error);
      if (code === status.NOT_FOUND || (this.forgetful && code === status.UNAVAILABLE)) this.doubtful = true;
      throw error;
    }
    if (this.repairs !== before) {
      throw new PublishFailedError('topic and subscription were put up again while this request was under way');
    }
  };

  /** One at a time, whoever asks. */
  private repair(): Promise<void> {
    this.repairing ??= this.repairOnce().finally(() => {
      this.repairing = undefined;
    });
    return this.repairing;
  }

  private async repairOnce(): Promise<void> {
    this.repairs++;
    await this.ensure();
    this.doubtful = false;
  }
}
