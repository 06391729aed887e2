import { protocolProperties } from './protocol-properties';

describe('the protocol of PartitionSink', () => {
  protocolProperties(100, 60_000);
});
