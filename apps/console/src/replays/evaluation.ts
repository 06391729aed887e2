import { type EvaluationSettings } from '@orderstream/dead-letters';
import { catalogLimitsOf, qualitySettings, runTimeActions, stateLimitsOf } from '@orderstream/quality';
import { type RuntimeSettings } from '@orderstream/service';
import { type ConsoleSettings } from '../console.config';

/** What the validators evaluate by now: the environment, which is to be theirs, and over it what operators have set last. */
export function evaluationSettings(
  settings: Pick<ConsoleSettings, 'rules' | 'state'>,
  runtime: Pick<RuntimeSettings, 'all' | 'revision'>,
): EvaluationSettings {
  const { actions: fromEnvironment, maxAheadMs, maxLateMs } = settings.rules;
  const { actions, problems } = runTimeActions(runtime.all());
  return {
    quality: qualitySettings({ actions: { ...fromEnvironment, ...actions }, maxAheadMs, maxLateMs }),
    stateLimits: stateLimitsOf(settings),
    catalogLimits: catalogLimitsOf(settings),
    revision: runtime.revision,
    problems,
  };
}
