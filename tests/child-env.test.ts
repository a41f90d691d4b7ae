import { expect, test } from 'vitest';

import { childEnvironment } from '../src/child-env.js';

test("child processes get the environment without credentials and depot's own variables, plus what the configuration adds", () => {
  const env = {
    PATH: '/bin',
    HOME: '/root',
    MY_DEPOT_X: 'kept',
    EMPTY: '',
    GONE: undefined,
    DEPOT_PASSWORD: 's',
    DEPOT_PASSWORD_FILE: '/f',
    DEPOT_CONFIG: 'c',
    DEPOT_DEBUG: '1',
    depot_password: 's',
    CREDENTIALS_DIRECTORY: '/run/c',
    Credentials_Directory: '/run/c',
  };
  expect(childEnvironment(env, { PGUSER: 'depot', PATH: '/own' })).toEqual({
    PATH: '/own',
    HOME: '/root',
    MY_DEPOT_X: 'kept',
    EMPTY: '',
    PGUSER: 'depot',
  });
  expect(env.DEPOT_PASSWORD).toBe('s');
});
