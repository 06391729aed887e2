export { leadsOnOf, setPositionLine } from './leads-on';
export {
  type PartitionArguments,
  parsePartitionArguments,
  parsePositionArguments,
  runPartitionCommand,
} from './partition-command';
export { runService } from './run-service';
export { type ServiceDefinition } from './service';
export { type Dependency } from './dependencies';
export { type ServiceControl } from './service-control';
export { ADMIN_PROBLEMS, COMMAND_PROBLEMS } from './admin.controller';
export { ApiProblems, ProblemException } from './problem';
export { Roles } from './roles.guard';
export { HEALTH, LOGGER, METRICS, SERVICE_CONTROL, SETTINGS, TRACING } from './tokens';
export { type Actor, actorOf } from './actor';
