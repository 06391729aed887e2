import { documentsItsProblems } from '../../../test/support/admin-problems.features';
import { validatorDefinition } from './validator.definition';

describe('the administration of validator', () => {
  documentsItsProblems(validatorDefinition());
});
