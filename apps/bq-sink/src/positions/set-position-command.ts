import { setTimeout as delay } from 'node:timers/promises';

import { LETTER_TOPICS, validatedTopic } from '@orderstream/contracts';
import { fetchUnreadableBatch, partitionName } from '@orderstream/kafka';
import { parsePositionArguments, runPartitionCommand } from '@orderstream/service';

import { bqSinkSettings } from '../bq-sink.config';
import { SinkClients } from '../sink-clients';
import { EVENT_TOPICS, sourceOf } from '../sink-topics';
import { setPosition } from './set-position';

const TARGETS = ['beginning', 'table', 'next-batch'] as const;
const USAGE =
  'set-position (--family <orders|interactions|catalog|customers> | --topic <retry topic or dead-letter topic>) ' +
  '(--partition <number> --to <offset|beginning|table|next-batch> | --all --to <beginning|table|next-batch>)';
const TOPICS = [...EVENT_TOPICS, ...LETTER_TOPICS];

/**
 * `set-position`: see `setPosition`. Reads the sink's own settings from the environment and prints the report of each
 * partition to stdout as one line of JSON. The partitions are moved at the same time, so that all of them together wait
 * once. After `POST /admin/resume` a running sink opens them again.
 *
 * Exit codes: 0 done; 1 rejected or failed, and a partition that failed is unchanged; 2 usage or configuration.
 */
export const setPositionCommand = (argv: readonly string[], env?: NodeJS.ProcessEnv): Promise<number> => {
  let shared: SinkClients | undefined;
  return runPartitionCommand({
    name: 'set-position',
    service: 'bq-sink',
    settings: bqSinkSettings,
    parse: () => parsePositionArguments(argv, { usage: USAGE, targets: TARGETS, topics: TOPICS }),
    env,
    isConcurrent: true,
    run: ({ family, topic = validatedTopic(family), target }, partition, { settings, kafka }) => {
      const { fallbackWaitMs } = settings.sink;
      const clients = (shared ??= new SinkClients(settings, kafka));
      const ref = { topic, partition };
      return setPosition({
        partition: ref,
        target,
        deadLetters: sourceOf(topic).kind !== 'dead-letters',
        warehouse: clients.warehouseOf(ref),
        openTransactions: () => clients.openTransactions(ref),
        logBounds: () => clients.logBounds(ref),
        unreadableBatch: (offset) => fetchUnreadableBatch(kafka, ref, offset),
        now: () => new Date(),
        wait: () => {
          const seconds = String(fallbackWaitMs / 1_000);
          process.stderr.write(
            `set-position: ${partitionName(ref)}: waiting ${seconds} s until no append to an unknown stream can land\n`,
          );
          return delay(fallbackWaitMs);
        },
      });
    },
  });
};
