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
export { ADMIN_PROBLEMS, COMMAND_PROBLEMS, PATH_PROBLEMS, REVISION_PROBLEMS } from './admin.controller';
export { ApiProblems, ProblemException, problemUri } from './problem';
export { Roles } from './roles.guard';
export { HEALTH, LOGGER, METRICS, SERVICE_CONTROL, SETTINGS, TRACING } from './tokens';
export { type Actor, actorOf } from './actor';
export { auditChange, Audited } from './audit/audited';
export { type AuditEntry, BEGUN } from './audit/audit-entry';
export { Consumes, YAML_TYPES } from './body-type';
export { type Caller, CallerOf } from './caller';
export { KafkaOperatorLog } from './operator-log/kafka-operator-log';
export { type OperatorLog } from './operator-log/operator-log';
export { type Pause, Pauses } from './pause/pauses';
export { RequiredRevision, setRevision } from './settings/revision';
export { readSettings } from './settings/read-settings';
export { RuntimeSettings } from './settings/runtime-settings';
export { type Setting } from './settings/setting';
