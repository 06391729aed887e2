export { childEnvironment } from './child-environment';
export { settings, type Setting } from './setting';
export { defineSettings, loadSettings, withDefaults, type SettingsOf, type SettingsSpec } from './settings-spec';
export { parseDecimal, parseInteger } from './numbers';
export { ConfigError } from './config-error';
export {
  bigquerySettings,
  kafkaSettings,
  pubsubSettings,
  serviceSettings,
  type AdminRole,
  type AdminToken,
  type ServiceSettings,
} from './groups';
export { renderConfigurationDoc, renderEnvExample, type ServiceSpecs } from './reference';
