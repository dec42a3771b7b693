/** Keys that interrupt are for the program that has the terminal, though the whole of its group gets the signal. */
const signals = ['SIGINT', 'SIGQUIT'] as const;

/** While `run` is under way, this process does not hear interrupts. */
export async function deafToInterrupts<T>(run: () => Promise<T>): Promise<T> {
  const ignore = () => {};
  const heard = signals.map((signal) => ({ signal, listeners: process.listeners(signal) }));
  for (const { signal } of heard) {
    process.removeAllListeners(signal);
    process.on(signal, ignore);
  }
  try {
    return await run();
  } finally {
    for (const { signal, listeners } of heard) {
      for (const listener of listeners) process.on(signal, listener);
      process.removeListener(signal, ignore);
    }
  }
}
