import { printsItsUsage } from '../../../../test/support/set-position';
import { setPositionCommand } from './set-position-command';

printsItsUsage(setPositionCommand, [
  ['--family', 'orders', '--partition', '1', '--to', 'somewhere'],
  ['--family', 'orders', '--partition', '1', '--to', 'table'],
]);
