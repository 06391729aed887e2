import { replaceModule } from './kafkajs-modules';

interface Metadata {
  readonly topicMetadata: readonly {
    readonly topicErrorCode: number;
    readonly partitionMetadata: readonly { partitionErrorCode: number; leader: number }[];
  }[];
}

interface MetadataResponse {
  readonly parse: (data: Metadata) => Promise<Metadata>;
}

const LEADER_NOT_AVAILABLE = 5;
const REPLICA_NOT_AVAILABLE = 9;

/**
 * Accepts a partition without a leader, which has leader -1: a request that needs its leader fails, and only that one. The original
 * throws for the whole answer, which stops every partition of every topic in it. REPLICA_NOT_AVAILABLE says nothing about
 * the leader.
 */
function withLeaderlessPartitions(original: MetadataResponse): MetadataResponse {
  return {
    ...original,
    parse: (data) => {
      for (const { partitionMetadata } of data.topicMetadata) {
        for (const partition of partitionMetadata) {
          const { partitionErrorCode: code } = partition;
          if (code !== LEADER_NOT_AVAILABLE && code !== REPLICA_NOT_AVAILABLE) continue;
          partition.partitionErrorCode = 0;
          if (code === LEADER_NOT_AVAILABLE) partition.leader = -1;
        }
      }
      return original.parse(data);
    },
  };
}

/** Version 0 has the parser of all versions. It must be replaced first: the others take it over when they are loaded. */
replaceModule<MetadataResponse>('kafkajs/src/protocol/requests/metadata/v0/response.js', withLeaderlessPartitions);
