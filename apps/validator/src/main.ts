import { runService } from '@orderstream/admin';
import { validatorService } from './validator.service';

void runService(validatorService());
