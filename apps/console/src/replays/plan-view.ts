import { type JsonPatch, type Plan } from '@orderstream/dead-letters';
import { type LetterDto } from '../dead-letters/letter.dto';
import { isOpenField, MASKED } from '../dead-letters/personal-data';
import { type PlanDto } from './plan.dto';

/** A plan as an answer shows it. Someone who may not see personal data gets the values of filter and edit masked. */
export function planView(plan: Plan, samples: readonly LetterDto[], maySeePersonalData: boolean): PlanDto {
  const { preview, filter, edit, ...rest } = plan;
  return {
    ...rest,
    filter: maySeePersonalData ? filter : maskFilter(filter),
    ...(edit === undefined ? {} : { edit: maySeePersonalData ? edit : maskEdit(edit) }),
    ...(preview === undefined ? {} : { preview: { ...preview, samples } }),
  };
}

function maskFilter({ fields, ...filter }: Plan['filter']): Plan['filter'] {
  if (fields === undefined) return filter;
  const masked = Object.entries(fields).map(([name, text]) => [name, isOpenField(name) ? text : MASKED]);
  return { ...filter, fields: Object.fromEntries(masked) as Record<string, string> };
}

/** An operation on a field that contracts know, and none marks as personal, is shown with its value. */
function maskEdit(edit: JsonPatch): object[] {
  return edit.map((operation) => {
    if (!('value' in operation)) return operation;
    const [, field = '', ...inside] = operation.path.split('/');
    const isOpen = isOpenField(field) && inside.length === 0 && typeof operation.value !== 'object';
    return isOpen ? operation : { ...operation, value: MASKED };
  });
}

/** The plan as the audit has it when it is created: what is meant, without personal values, and without the note. */
export function auditedPlan(plan: Plan): object {
  const { topic, filter, edit, options } = plan;
  return {
    ...auditedState(plan),
    ...{ topic, filter: maskFilter(filter), options },
    ...(edit === undefined ? {} : { edit: maskEdit(edit) }),
  };
}

/** The plan as the audit has it before and after a command. */
export function auditedState({ state, revision, preview, progress: { returned } }: Plan): object {
  return { state, revision, returned, ...(preview === undefined ? {} : { letters: preview.total }) };
}
