import { configDefaults, defineConfig } from 'vitest/config';

/** What takes too long for every change: `npm run test:long`, one file after the other; `npm run test:long -- soak` for one of them. */
const long = '**/*.long.test.ts';

export default defineConfig(({ mode }) => ({
  test: {
    ...(mode === 'long'
      ? { include: [`tests/${long}`], fileParallelism: false, reporters: ['verbose'] }
      : { include: ['tests/**/*.test.ts'], exclude: [...configDefaults.exclude, long], maxWorkers: 2 }),
    testTimeout: 180_000,
    hookTimeout: 180_000,
    pool: 'forks' as const,
  },
}));
