import type { KafkaRecord } from '@orderstream/kafka';
import type { BatchOperation, Tracing } from '@orderstream/observability';
import type { PublishCall } from '@orderstream/pubsub';

import type { Outgoing, RejectedRecord } from './partitions/partition-bridge';

/** The spans of the bridge: one for each publish request, whether it is acknowledged or not, and one for each run of dead letters. */
export class BridgeTracing {
  private readonly publishOperation: BatchOperation;
  private readonly deadLetterOperation: BatchOperation;

  constructor(
    private readonly tracing: Tracing,
    names: { readonly pubsubTopic: string; readonly deadLetterTopic: string; readonly groupId: string },
  ) {
    const common = { type: 'send', consumerGroup: names.groupId, records: 'process' } as const;
    this.publishOperation = { ...common, name: 'publish', system: 'gcp_pubsub', destination: names.pubsubTopic };
    this.deadLetterOperation = { ...common, name: 'send', system: 'kafka', destination: names.deadLetterTopic };
  }

  /** The same call, with spans. Without tracing, the call itself. */
  traced(call: PublishCall<Outgoing>): PublishCall<Outgoing> {
    if (!this.tracing.enabled) return call;
    return async (messages, signal) => {
      const records = messages.map(({ record }) => record);
      const trace = this.tracing.begin(this.publishOperation, records);
      try {
        await call(messages, signal);
      } catch (error) {
        trace?.fail(error);
        throw error;
      }
      trace?.settle(() => ({ outcome: 'published' }));
      trace?.end();
    };
  }

  /** Adds the spans of dead letters that Kafka has acknowledged. @param startedMs when they were sent (`performance.now()`) */
  deadLettered(rejected: readonly RejectedRecord[], startedMs: number): void {
    if (!this.tracing.enabled) return;
    const reasons = new Map<KafkaRecord, string | undefined>(
      rejected.map(({ record, reasons: [first] }) => [record, first?.code]),
    );
    const records = rejected.map(({ record }) => record);
    const trace = this.tracing.begin(this.deadLetterOperation, records, startedMs);
    trace?.settle((record) => ({ outcome: 'dead_lettered', reason: reasons.get(record) }));
    trace?.end();
  }
}
