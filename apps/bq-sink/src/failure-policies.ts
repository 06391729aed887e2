import { type FailureOutcome, partitionName, type TopicPartition } from '@orderstream/kafka';

import { FailurePolicy, reasonOf } from './failure-policy';
import type { SinkMetrics } from './sink-metrics';
import { familyOfTopic } from './sink-topics';

/** One failure policy per partition. It outlives the partition's sinks, which are replaced after each failure. */
export class FailurePolicies {
  private readonly policies = new Map<string, FailurePolicy>();

  constructor(
    private readonly schemaTimeoutMs: number,
    private readonly metrics: Pick<SinkMetrics, 'failed'>,
  ) {}

  of(partition: TopicPartition): FailurePolicy {
    const key = partitionName(partition);
    let policy = this.policies.get(key);
    if (policy === undefined) {
      policy = new FailurePolicy(this.schemaTimeoutMs, () => performance.now());
      this.policies.set(key, policy);
    }
    return policy;
  }

  /** Counts the failure and decides its outcome. The partition task logs it and adds the backoff. */
  outcomeOf(partition: TopicPartition, cause: unknown): FailureOutcome {
    this.metrics.failed(familyOfTopic(partition.topic), reasonOf(cause));
    return this.of(partition).outcomeOf(cause);
  }
}
