import { protocolProperties } from './protocol-properties';

describe('the protocol of PartitionSink, over many generated runs', () => {
  protocolProperties(3_000, 900_000);
});
