import '../index';
import { loadFromKafkajs } from '../client/kafkajs-internals';

describe('the patch of the metadata response', () => {
  const parserOf = (version: number) =>
    loadFromKafkajs(`kafkajs/src/protocol/requests/metadata/v${version.toString()}/response.js`) as {
      parse: (data: object) => Promise<object>;
    };
  const metadata = (...codes: number[]) => ({
    topicMetadata: [
      {
        topicErrorCode: 0,
        topic: 't',
        partitionMetadata: codes.map((partitionErrorCode, partitionId) => ({
          partitionErrorCode,
          partitionId,
          leader: 1,
        })),
      },
    ],
  });

  it.each([0, 1, 2, 3, 4, 5, 6])(
    'keeps the other partitions beside one without a leader: version %i',
    async (version) => {
      // 5: LEADER_NOT_AVAILABLE, 9: REPLICA_NOT_AVAILABLE.
      const parsed = await parserOf(version).parse(metadata(0, 5, 9));
      expect(parsed).toMatchObject({
        topicMetadata: [{ partitionMetadata: [{ leader: 1 }, { leader: -1 }, { leader: 1 }] }],
      });
      // 3: UNKNOWN_TOPIC_OR_PARTITION.
      await expect(parserOf(version).parse(metadata(0, 3))).rejects.toMatchObject({ code: 3 });
    },
  );
});
