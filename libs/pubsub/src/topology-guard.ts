import { status } from '@grpc/grpc-js';

import type { PublishMessage } from './message';
import { grpcStatus, PublishFailedError, SubscriptionMismatchError } from './publish-errors';
import type { PublishCall } from './publisher';

/**
 * A publish call that re-creates a missing topic and subscription (an emulator loses them when it restarts).
 *
 * Failure semantics: a message published after its topic is created and before its subscription is, is acknowledged and
 * lost. Therefore no request is sent while they are re-created. A request that was in flight at that time fails even if
 * it was acknowledged, and is published again. While the subscription would not receive what is published (`blocked`),
 * nothing is sent, and requests fail as transient.
 */
export class TopologyGuard {
  private mayBeMissing = false;
  private repairs = 0;
  private repairing: Promise<void> | undefined;

  /**
   * @param ensure creates what is missing
   * @param losesState a broken connection may mean that the server lost topic and subscription (an emulator)
   */
  constructor(
    private readonly call: PublishCall,
    private readonly ensure: () => Promise<void>,
    private readonly losesState: boolean,
    /** Why nothing may be published now; undefined when it may. */
    private readonly blocked: () => string | undefined = () => undefined,
  ) {}

  readonly publish = async (messages: readonly PublishMessage[], signal: AbortSignal): Promise<void> => {
    if (this.mayBeMissing) await this.repair();
    const reason = this.blocked();
    if (reason !== undefined) throw new SubscriptionMismatchError(reason);
    const before = this.repairs;
    try {
      await this.call(messages, signal);
    } catch (error) {
      const code = grpcStatus(error);
      if (code === status.NOT_FOUND || (this.losesState && code === status.UNAVAILABLE)) this.mayBeMissing = true;
      throw error;
    }
    if (this.repairs !== before) {
      throw new PublishFailedError('topic and subscription were re-created while this request was in flight');
    }
  };

  /** Re-creates what is missing. Concurrent callers share one repair. */
  repair(): Promise<void> {
    this.repairing ??= this.repairOnce().finally(() => {
      this.repairing = undefined;
    });
    return this.repairing;
  }

  private async repairOnce(): Promise<void> {
    this.repairs++;
    // Until it has succeeded, requests wait for it, or repeat it.
    this.mayBeMissing = true;
    await this.ensure();
    this.mayBeMissing = false;
  }
}
