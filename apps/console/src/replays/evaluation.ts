import { type EvaluationSettings } from '@orderstream/dead-letters';
import {
  catalogLimitsOf,
  evaluationValues,
  qualitySettings,
  runTimeActions,
  stateLimitsOf,
} from '@orderstream/quality';
import { type RuntimeSettings } from '@orderstream/service';
import { type ConsoleSettings } from '../console.config';
import { type ServiceReport } from '../overview/service-probe';
import { compareSettings } from './validator-settings';

/**
 * What the validators evaluate by now: the environment, which is to be theirs, and over it what operators have set last.
 *
 * @param reports of all services: the validators among them say what they evaluate by
 */
export function evaluationSettings(
  settings: Pick<ConsoleSettings, 'rules' | 'state'>,
  runtime: Pick<RuntimeSettings, 'all' | 'revision'>,
  reports: readonly ServiceReport[],
): EvaluationSettings {
  const { actions: fromEnvironment, maxAheadMs, maxLateMs } = settings.rules;
  const { actions, problems } = runTimeActions(runtime.all());
  const quality = qualitySettings({ actions: { ...fromEnvironment, ...actions }, maxAheadMs, maxLateMs });
  return {
    quality,
    stateLimits: stateLimitsOf(settings),
    catalogLimits: catalogLimitsOf(settings),
    revision: runtime.revision,
    problems,
    comparison: compareSettings(evaluationValues(quality, settings), reports),
  };
}
