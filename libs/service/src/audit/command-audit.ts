import { randomUUID } from 'node:crypto';
import { AUDIT_TOPIC, TOPICS } from '@orderstream/contracts';
import { ensureTopics, type OutputRecord, RecordProducer } from '@orderstream/kafka';
import { type Kafka } from 'kafkajs';
import { OperatorLogError } from '../operator-log/errors';
import { type AuditEntry, BEGUN, encodeAudit } from './audit-entry';

const MAX_REQUEST_BYTES = 1_000_000;

export interface AuditedCommand {
  readonly service: string;
  readonly actor: string;
  /** `set-position` */
  readonly action: string;
  readonly replication: number;
}

/**
 * The audit of a command of the command line.
 *
 * Failure semantics: the entry is stored before the command changes anything; if that fails, it does not run. Its outcome
 * is a second entry with the same request id. A command that is killed has no outcome in the audit.
 */
export class CommandAudit {
  private readonly producer: RecordProducer;

  private constructor(
    kafka: Kafka,
    private readonly command: AuditedCommand,
  ) {
    this.producer = new RecordProducer(kafka, { maxRequestBytes: MAX_REQUEST_BYTES });
  }

  /** @throws an error of the connection */
  static async open(kafka: Kafka, command: AuditedCommand): Promise<CommandAudit> {
    const specs = TOPICS.filter(({ name }) => name === AUDIT_TOPIC);
    await ensureTopics(kafka, specs, { replication: command.replication });
    return new CommandAudit(kafka, command);
  }

  /**
   * Stores that the command begins. @returns stores its outcome
   * @throws OperatorLogError: the command must not run
   */
  async begin(subject: string, change: unknown): Promise<(status: 200 | 500, report?: object) => Promise<void>> {
    const requestId = randomUUID();
    const write = async (entry: Pick<AuditEntry, 'status' | 'after'>): Promise<void> => {
      const { service, actor, action } = this.command;
      const at = new Date().toISOString();
      const value = encodeAudit({ at, actor, role: 'shell', action, subject, requestId, service, ...entry });
      const record: OutputRecord = { topic: AUDIT_TOPIC, partition: 0, key: null, value, headers: {} };
      await this.producer.send([record]);
    };
    try {
      await write({ status: BEGUN, after: change });
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new OperatorLogError(`The audit cannot be written, so that nothing was changed: ${why}`, cause);
    }
    return (status, report) => write({ status, ...(report && { after: report }) });
  }

  close(): Promise<void> {
    return this.producer.disconnect();
  }
}
