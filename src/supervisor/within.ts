/** Waiting with a bound. */

/** Resolves when `promise` has settled, at the latest after `patienceMs`. */
export async function within(promise: Promise<unknown>, patienceMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, patienceMs);
  });
  await Promise.race([promise.catch(() => {}), late]);
  clearTimeout(timer);
}
