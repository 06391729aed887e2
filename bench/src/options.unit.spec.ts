import { parseOptions } from './options';

describe('parseOptions', () => {
  it('reads the number of records, and what is left out', () => {
    expect(parseOptions([])).toEqual({ records: 300_000, skip: new Set() });
    expect(parseOptions(['--records', '10000', '--skip', 'baselines', '--skip', 'pubsub-bridge'])).toEqual({
      records: 10_000,
      skip: new Set(['baselines', 'pubsub-bridge']),
    });
  });

  it.each(['', '1e5', '0x10000', '9999', ' 20000'])('rejects %j', (text) => {
    expect(() => parseOptions([`--records=${text}`])).toThrow('--records: expected an integer of at least 10000');
  });

  it('rejects a part that cannot be left out', () => {
    expect(() => parseOptions(['--skip', 'validator'])).toThrow('--skip: expected pubsub-bridge or baselines');
  });
});
