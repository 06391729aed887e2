import { protocolProperties } from './protocol-properties';

describe('the protocol of a partition, in many courses of events', () => {
  protocolProperties(3_000, 900_000);
});
