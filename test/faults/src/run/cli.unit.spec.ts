import { UsageError } from '../../../../dev/src';
import { FAULTS } from '../faults/catalogue';
import { chooseFaults, parseFaultOptions } from './cli';

const names = (...only: readonly string[]): readonly string[] => chooseFaults(FAULTS, only).map(({ name }) => name);

describe('chooseFaults', () => {
  it('chooses all faults without a text', () => {
    expect(chooseFaults(FAULTS, [])).toEqual(FAULTS);
  });

  it('chooses the faults whose name contains one of the texts', () => {
    expect(names('kill bq-sink', 'lost acks')).toEqual(['kill bq-sink', 'bigquery lost acks']);
  });

  it('rejects a text that is in no name, though others are', () => {
    expect(() => names('kill bq-sink', 'kill bq-sinks')).toThrow(UsageError);
  });
});

describe('parseFaultOptions', () => {
  it('reads the options', () => {
    const args = ['--seed', '7', '--faults', '2', '--records', '8000', '--rate', '1000', '--defect-rate', '0.1'];
    expect(parseFaultOptions([...args, '--only', 'kill', '--only', 'cut', '--mixed', '--skip-models'])).toEqual({
      seed: 7,
      faults: 2,
      records: 8_000,
      only: ['kill', 'cut'],
      rate: 1_000,
      round: 10,
      maxLag: 60_000,
      defectRate: 0.1,
      mixed: true,
      list: false,
      breaks: false,
      skipModels: true,
    });
  });

  it.each([
    ['--faults', '0'],
    ['--rate', '1.5'],
    ['--rate', '1e3'],
    ['--seed', '0x1'],
    ['--records', ' 8'],
    ['--defect-rate', ''],
    ['--defect-rate', '1e-1'],
    ['--defect-rate', '1.1'],
    ['--defect-rate', 'x'],
    ['--unknown', '1'],
  ])('rejects %s %s', (option, value) => {
    expect(() => parseFaultOptions([option, value])).toThrow(UsageError);
  });
});
