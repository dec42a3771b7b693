/** Whether the server as a whole serves, and who watches that: what grpc.health.v1.Health answers. */
export class ServingStatus {
  private current = true;
  private readonly watchers = new Set<(serves: boolean) => void>();

  serves(): boolean {
    return this.current;
  }

  set(serves: boolean): void {
    if (serves === this.current) return;
    this.current = serves;
    for (const watcher of [...this.watchers]) watcher(serves);
  }

  /** Told of every change until the returned function is called. */
  watch(watcher: (serves: boolean) => void): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }
}
