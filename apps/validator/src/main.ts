import { runService } from '@orderstream/service';
import { setPositionCommand } from './positions/set-position-command';
import { rebuildCommand } from './rebuild/rebuild-command';
import { validatorDefinition } from './validator.definition';

const [command, ...rest] = process.argv.slice(2);

if (command === 'rebuild-state') {
  void rebuildCommand(rest).then((exitCode) => process.exit(exitCode));
} else if (command === 'set-position') {
  void setPositionCommand(rest).then((exitCode) => process.exit(exitCode));
} else {
  void runService(validatorDefinition());
}
