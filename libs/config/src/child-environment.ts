import { fileVariable } from './setting';
import { settingsIn, type SettingsSpec } from './settings-spec';

/** The environment for a program that a service starts: the service's own without its secrets, and what is added. */
export function childEnvironment(spec: SettingsSpec<never>, added: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...process.env };
  for (const setting of settingsIn(spec)) {
    if (!setting.secret) continue;
    // Set to undefined, a variable is left out.
    env[setting.env] = undefined;
    env[fileVariable(setting) ?? setting.env] = undefined;
  }
  return { ...env, ...added };
}
