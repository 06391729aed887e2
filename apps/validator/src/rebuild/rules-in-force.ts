import { type ErrorCode, OrderstreamError } from '@orderstream/errors';
import { type Logger } from '@orderstream/observability';
import { type QualitySettings, runTimeActions } from '@orderstream/quality';
import { type OperatorLog, readSettings } from '@orderstream/service';
import { qualityOf, type ValidatorSettings } from '../validator.config';

/** An operator has set what this version does not know. */
class RulesUnknownError extends OrderstreamError {
  readonly code = 'RULES_UNKNOWN' satisfies ErrorCode;

  constructor(problems: readonly string[]) {
    super(
      `The settings of rules are of another version: ${problems.join('; ')}. Nothing has changed. ` +
        'Run the command with the version of the validators.',
    );
  }
}

/**
 * The rules of the running validators: those of the environment, and what operators have changed at run time.
 *
 * @throws RulesUnknownError; an error of the connection
 */
export async function rulesInForce(
  settings: ValidatorSettings,
  log: OperatorLog,
  logger: Pick<Logger, 'error'>,
): Promise<QualitySettings> {
  const { actions, problems } = runTimeActions(await readSettings(log, 'validator', logger));
  if (problems.length > 0) throw new RulesUnknownError(problems);
  return qualityOf(settings, actions);
}
