import { LogUnreadableError, OffsetOutOfRangeError, TopicChangedError, type TopicPartition } from '@orderstream/kafka';

/** The services that have `set-position`. */
export type PositionedService = 'validator' | 'bq-sink' | 'pubsub-bridge';

const RESUME = '`POST /admin/resume`';

/** How `set-position` names a log: by the family that a service reads first, or another topic by its name. */
export type PositionedLog = string | { readonly topic: string };

/** The command that moves a partition, to copy. */
export const setPositionLine = (
  service: PositionedService,
  log: PositionedLog,
  partition: number,
  target: string | number,
): string =>
  `\`npm run set-position -- ${service} ${typeof log === 'string' ? `--family ${log}` : `--topic ${log.topic}`} ` +
  `--partition ${String(partition)} --to ${String(target)}\``;

/**
 * For `KafkaBatchServerOptions.leadsOn`: the commands and the document that lead past what a log has stopped a partition
 * with. Undefined for any other error, which says so itself.
 */
export const leadsOnOf =
  (service: PositionedService, log: PositionedLog, document: string) =>
  ({ partition }: TopicPartition, cause: Error): string | undefined => {
    const line = (target: string): string => setPositionLine(service, log, partition, target);
    if (cause instanceof LogUnreadableError) {
      return cause.batch === undefined
        ? `To go on behind the batch, run ${line('<base offset of the next batch>')}, then ${RESUME} ` +
            '(docs/kafka-transport.md#batches-that-cannot-be-decoded).'
        : `To skip this batch alone, which becomes one dead letter, run ${line('next-batch')}, then ${RESUME}; resume ` +
            'alone changes nothing (docs/kafka-transport.md#batches-that-cannot-be-decoded).';
    }
    if (cause instanceof TopicChangedError || cause instanceof OffsetOutOfRangeError) {
      return `To read the log from its beginning, run ${line('beginning')}, then ${RESUME} (${document}).`;
    }
    return undefined;
  };
