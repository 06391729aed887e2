import { parsePositionArguments, runPartitionCommand } from '@orderstream/service';

import { RETRIED_ORDERS, VALIDATED_ORDERS, validatedOrders } from '../bridge-source';
import { pubsubBridgeSettings } from '../pubsub-bridge.config';
import { kafkaPosition } from './kafka-position';
import { setPosition } from './set-position';

const TARGETS = ['beginning', 'end', 'next-batch'] as const;
const USAGE =
  `set-position (--family orders | --topic ${RETRIED_ORDERS}) ` +
  '(--partition <number> --to <offset|beginning|end|next-batch> | --all --to ' +
  '<beginning|end|next-batch>)';

/**
 * `set-position`: see `setPosition`. Prints the report of each partition to stdout as one line of JSON. After
 * `POST /admin/resume` a running bridge opens the partition again.
 *
 * Exit codes: 0 done; 1 rejected or failed, and a partition that failed is unchanged; 2 usage or configuration.
 */
export const setPositionCommand = (argv: readonly string[], env?: NodeJS.ProcessEnv): Promise<number> =>
  runPartitionCommand({
    name: 'set-position',
    service: 'pubsub-bridge',
    settings: pubsubBridgeSettings,
    parse: () =>
      parsePositionArguments(argv, { usage: USAGE, targets: TARGETS, families: ['orders'], topics: [RETRIED_ORDERS] }),
    env,
    run: ({ topic = VALIDATED_ORDERS, target }, partition, { kafka }) =>
      setPosition({ ...kafkaPosition(kafka, validatedOrders(), { topic, partition }), target, now: () => new Date() }),
  });
