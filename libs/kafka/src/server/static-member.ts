import { type Broker, type Cluster } from '../client/kafkajs-internals';

type CreateRequest = (payload: object) => unknown;

/** The part of a kafkajs broker that makes requests in the newest version that the broker speaks. */
interface RequestingBroker extends Broker {
  lookupRequest: (apiKey: number, versions: unknown) => CreateRequest;
}

/**
 * Makes whoever joins a group over this cluster a static member of it (KIP-345, "Introduce static membership protocol to
 * reduce consumer rebalances"): a process that was killed and comes back under its name is handed its former partitions
 * at once, in the same generation, instead of waiting until the dead one's session has ended. The name it had before is
 * fenced. kafkajs' requests carry the name, its ConsumerGroup and its Broker do not pass it on.
 */
export function joinAs(cluster: Cluster, groupInstanceId: string): void {
  const find = cluster.findGroupCoordinator.bind(cluster);
  cluster.findGroupCoordinator = async (request) => named((await find(request)) as RequestingBroker, groupInstanceId);
}

/** The same broker; what is asked of it in the name of a member names the instance too. Other requests ignore the name. */
function named(broker: RequestingBroker, groupInstanceId: string): Broker {
  const lookupRequest: RequestingBroker['lookupRequest'] = (apiKey, versions) => {
    const create = broker.lookupRequest(apiKey, versions);
    return (payload) => create({ ...payload, groupInstanceId });
  };
  return Object.create(broker, { lookupRequest: { value: lookupRequest } }) as Broker;
}
