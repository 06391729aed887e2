import { type EvaluationSettings, type SettingDifference } from '@orderstream/dead-letters';
import { type EvaluationValues } from '@orderstream/quality';
import { z } from 'zod';
import { type ServiceReport } from '../overview/service-probe';

/** More than a version has settings. */
const MAX_DIFFERENCES = 200;
const value = z.union([z.number(), z.string().max(200)]);
const validatorStatus = z.object({ evaluatesBy: z.record(z.string().max(100), value) });

/** Compares what the dry run evaluates by with what each validator says in its status. Other services say nothing of it. */
export function compareSettings(
  own: EvaluationValues,
  reports: readonly ServiceReport[],
): EvaluationSettings['comparison'] {
  const comparedWith: string[] = [];
  const differences: SettingDifference[] = [];
  for (const { name: service, status } of reports) {
    const { data } = validatorStatus.safeParse(status);
    if (data === undefined) continue;
    comparedWith.push(service);
    for (const setting of new Set([...Object.keys(own), ...Object.keys(data.evaluatesBy)])) {
      const [dryRun, validator] = [own[setting] ?? null, data.evaluatesBy[setting] ?? null];
      if (dryRun !== validator) differences.push({ setting, dryRun, validator, service });
    }
  }
  return {
    comparedWith,
    differences: differences.slice(0, MAX_DIFFERENCES),
    ...(comparedWith.length === 0 && { unknown: whyUnknown(reports) }),
  };
}

function whyUnknown(reports: readonly ServiceReport[]): string {
  const silent = reports.filter(({ status }) => status === undefined);
  const named = silent.map(({ name, error }) => `${name}: ${error ?? 'not asked without SERVICE_TOKEN'}`);
  const why = named.length === 0 ? '' : ` (${named.join('; ')})`;
  return `no service of SERVICE_URLS has said what it evaluates by${why}`;
}
