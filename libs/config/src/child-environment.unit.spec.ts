import { childEnvironment } from './child-environment';
import { settings } from './setting';
import { defineSettings } from './settings-spec';

const SPEC = defineSettings({
  secret: settings.optional(settings.string({ env: 'SPEC_SECRET', secret: true, description: 'A secret.' })),
  inner: defineSettings({ plain: settings.string({ env: 'SPEC_PLAIN', default: 'a', description: 'No secret.' }) }),
});

describe('the environment of a child', () => {
  const before = { ...process.env };
  afterEach(() => {
    process.env = { ...before };
  });

  it('has everything but the secrets, and what is added', () => {
    Object.assign(process.env, { SPEC_SECRET: 'x', SPEC_SECRET_FILE: '/x', SPEC_PLAIN: 'b', OTHER: 'c' });
    const env = childEnvironment(SPEC, { ADDED: 'd', SPEC_PLAIN: 'e' });
    expect(env).toMatchObject({ SPEC_PLAIN: 'e', OTHER: 'c', ADDED: 'd', PATH: before.PATH });
    expect(env.SPEC_SECRET).toBeUndefined();
    expect(env.SPEC_SECRET_FILE).toBeUndefined();
  });
});
