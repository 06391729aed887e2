import { parseRecords } from './options';

describe('parseRecords', () => {
  it('reads the number of records', () => {
    expect(parseRecords([])).toBe(300_000);
    expect(parseRecords(['--records', '10000'])).toBe(10_000);
  });

  it.each(['', '1e5', '0x10000', '9999', ' 20000'])('rejects %j', (text) => {
    expect(() => parseRecords([`--records=${text}`])).toThrow('--records: expected an integer of at least 10000');
  });
});
