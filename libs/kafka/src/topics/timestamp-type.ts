import { type TopicSpec } from '@orderstream/contracts';
import { ConfigResourceTypes, type Kafka } from 'kafkajs';
import { connectAdmin } from '../client/connect-admin';
import { TimestampTypeError } from '../errors';

const TIMESTAMP_TYPE = 'message.timestamp.type';

/**
 * Compares who stamps the records of existing topics with their specs. On a LogAppendTime topic the broker does; on any
 * other the producer chooses the time of its records. Needs the right to describe the configuration of the topics.
 *
 * @throws TimestampTypeError that names every topic that differs, with the command that changes it
 */
export async function checkTimestampTypes(
  kafka: Kafka,
  specs: readonly Pick<TopicSpec, 'name' | 'timestamps'>[],
): Promise<void> {
  const admin = await connectAdmin(kafka);
  try {
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: specs.map(({ name }) => ({
        type: ConfigResourceTypes.TOPIC,
        name,
        configNames: [TIMESTAMP_TYPE],
      })),
    });
    const wrong = specs.flatMap(({ name, timestamps }) => {
      const entries = resources.find(({ resourceName }) => resourceName === name)?.configEntries ?? [];
      const found = entries.find(({ configName }) => configName === TIMESTAMP_TYPE)?.configValue;
      return found === timestamps ? [] : [{ name, timestamps, found: found ?? 'unknown' }];
    });
    if (wrong.length === 0) return;
    const list = wrong.map(
      ({ name, timestamps, found }) => `${TIMESTAMP_TYPE} of ${name} is ${found}, not ${timestamps}`,
    );
    throw new TimestampTypeError(
      `${list.join('; ')}. Records would have times that their producers choose, and one wrong clock could end every ` +
        `window of the rules. Change it for each topic with: kafka-configs.sh --bootstrap-server <broker> --alter ` +
        `--entity-type topics --entity-name <topic> --add-config ${TIMESTAMP_TYPE}=<type>`,
    );
  } finally {
    await admin.disconnect();
  }
}
