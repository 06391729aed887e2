import { type Compression, type OutputRecord } from '@orderstream/kafka';
import { type BatchTrace, type Tracing, traceContextOf, traceparentOf } from '@orderstream/observability';
import { type Sender } from './pipeline';

/**
 * Begins the traces of the records: decides which are sampled, says so in their `traceparent`, and adds the spans of what was
 * sent, one for each topic of a send.
 *
 * Failure semantics: those of the sender it wraps. Records are sent whatever happens to their spans.
 */
export class TracedSender implements Sender {
  constructor(
    private readonly sender: Sender,
    private readonly tracing: Tracing,
  ) {}

  async send(records: readonly OutputRecord[], compression?: Compression): Promise<unknown> {
    const marked = records.map((record) => this.marked(record));
    const traces = this.begin(marked);
    try {
      const acknowledgement = await this.sender.send(marked, compression);
      for (const trace of traces) {
        trace.settle(() => ({ outcome: 'acked' }));
        trace.end();
      }
      return acknowledgement;
    } catch (error) {
      for (const trace of traces) trace.fail(error);
      throw error;
    }
  }

  private marked(record: OutputRecord): OutputRecord {
    const context = traceContextOf(record.headers);
    if (context === undefined || !this.tracing.samples(context.traceId)) return record;
    return { ...record, headers: { ...record.headers, traceparent: traceparentOf({ ...context, sampled: true }) } };
  }

  private begin(records: readonly OutputRecord[]): readonly BatchTrace<OutputRecord>[] {
    const byTopic = Map.groupBy(records, ({ topic }) => topic);
    return [...byTopic].flatMap(([destination, ofTopic]) => {
      const operation = { name: 'send', type: 'send', system: 'kafka', destination, records: 'create' } as const;
      return this.tracing.begin(operation, ofTopic) ?? [];
    });
  }
}
