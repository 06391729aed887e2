import { type Broker, type Cluster } from '../client/kafkajs-internals';

type CreateRequest = (payload: object) => unknown;

/** A kafkajs broker: `lookupRequest` returns how to create a request in the newest version that the broker supports. */
interface RequestingBroker extends Broker {
  lookupRequest: (apiKey: number, versions: unknown) => CreateRequest;
}

/**
 * Makes a member that joins a group over this cluster a static member (KIP-345, "Introduce static membership protocol to
 * reduce consumer rebalances"): a process that was killed and starts again with the same group.instance.id gets its
 * previous partitions at once, in the same generation, instead of waiting for the end of the dead member's session. The
 * previous member of that id is fenced. kafkajs encodes the id in its requests, but its ConsumerGroup and its Broker do
 * not pass it on.
 */
export function joinAsStaticMember(cluster: Cluster, groupInstanceId: string): void {
  const find = cluster.findGroupCoordinator.bind(cluster);
  cluster.findGroupCoordinator = async (request) =>
    withInstanceId((await find(request)) as RequestingBroker, groupInstanceId);
}

/** The same broker, with the group.instance.id in each request. Requests that have no such field ignore it. */
function withInstanceId(broker: RequestingBroker, groupInstanceId: string): Broker {
  const lookupRequest: RequestingBroker['lookupRequest'] = (apiKey, versions) => {
    const create = broker.lookupRequest(apiKey, versions);
    return (payload) => create({ ...payload, groupInstanceId });
  };
  return Object.create(broker, { lookupRequest: { value: lookupRequest } }) as Broker;
}
