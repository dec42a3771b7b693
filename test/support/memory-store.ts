/** A store over a database in memory, for tests of what is above the disk. */
import { KvStore, type StoreOptions } from '../../src/server/mvcc/store.ts';
import { MemoryBackend } from './memory-backend.ts';

export interface MemoryStore {
  readonly store: KvStore;
  readonly backend: MemoryBackend;
}

/** The store hears of the commits that the test makes. */
export function memoryStore(options: Partial<StoreOptions> = {}): MemoryStore {
  const backend = new MemoryBackend();
  const store = new KvStore(backend, options);
  backend.onCommitted = () => store.committed();
  return { store, backend };
}

/** Carries out what is queued, and commits it. */
export function finishCompactions({ store, backend }: MemoryStore): void {
  while (store.compactionStep() !== 'done') if (store.log.uncommittedDrops > 10_000) commit({ store, backend });
  commit({ store, backend });
}

export function commit({ backend }: MemoryStore): void {
  backend.mark(backend.committedIndex + 1, 1);
  backend.commitNow();
}
