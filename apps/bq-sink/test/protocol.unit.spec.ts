import { protocolProperties } from './protocol-properties';

describe('the protocol of a partition', () => {
  protocolProperties(100, 60_000);
});
