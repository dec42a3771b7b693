import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

// unit: pure cores and in-process shells. e2e: the built binaries, only what this repository holds.
// interop: real etcd, etcdctl and friends; long: soaks and sweeps. Both run behind named scripts and in CI, bounded.
export default defineConfig({
  test: {
    // Most of an end-to-end test is waiting for processes: on two cores, two files at a time take 110 s instead of 190.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      {
        test: {
          name: 'unit',
          // Files share a worker's modules: a third of the time was spent on loading them a hundred times.
          isolate: false,
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**', 'test/interop/**', 'test/long/**'],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'interop',
          include: ['test/interop/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'long',
          include: ['test/long/**/*.test.ts'],
          testTimeout: 600_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
