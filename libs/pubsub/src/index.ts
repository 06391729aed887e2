export { connectPubSub, connectSubscriber, subscriptionName, topicName, type PubSubConnection } from './connection';
export { pubsubDependency } from './dependency';
export { LIMITS, type PublishMessage } from './message';
export { messageBytes } from './publish-request';
export { grpcStatus } from './publish-errors';
export { PublishClient, type PublishClientOptions } from './publish-client';
export { Publisher, type Ordering, type PublishCall, type PublisherEvents, type PublisherOptions } from './publisher';
export {
  type Difference,
  ensureTopology,
  inspectTopology,
  SUBSCRIPTION_METADATA,
  type Topology,
  type TopologyState,
} from './topology';
export { TopologyGuard } from './topology-guard';
export { HeaderAttributes, type Headers, type RecordCoordinates } from './header-attributes';
