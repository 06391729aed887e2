import { processTerminal } from './process-terminal';
import { runCtl } from './run-ctl';

/** `npm run ctl`. */
void runCtl(process.argv.slice(2), processTerminal(process)).then((exitCode) => {
  process.exitCode = exitCode;
  // Standard input may still be open after a question.
  process.stdin.destroy();
});
