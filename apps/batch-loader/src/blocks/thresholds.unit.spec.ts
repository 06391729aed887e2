import { assertThresholds } from './thresholds';

describe('the limits of rejected rows', () => {
  const rejected = { 'duplicate.order': 3, 'structure.invalid_field': 2 };

  it('hold up to their share', () => {
    expect(() => assertThresholds(100, rejected, { '*': 0.05, 'duplicate.order': 0.03 })).not.toThrow();
    expect(() => assertThresholds(0, {}, { '*': 0 })).not.toThrow();
  });

  it('fail with every one that is exceeded', () => {
    expect(() => assertThresholds(100, rejected, { '*': 0.049, 'duplicate.order': 0.02, 'drift.vendor': 0 })).toThrow(
      'by all rules together (duplicate.order 3, structure.invalid_field 2): 5 of 100 rows, 5 %, above 4.9 %; ' +
        'by duplicate.order: 3 of 100 rows, 3 %, above 2 %',
    );
  });
});
