/** Metrics of maintenance for members whose metrics nobody reads, or one that notes what it is told. */
import type { MaintenanceMetrics } from '../../src/server/member/member-metrics.ts';

const nowhere = { observe: () => undefined };

export const unmeasuredMaintenance: MaintenanceMetrics = {
  compactionMs: nowhere,
  compactionPauseMs: nowhere,
  compacted: () => undefined,
  hashRevisionSeconds: nowhere,
  snapshotSaveSeconds: nowhere,
  databaseSaveSeconds: nowhere,
  sendingSnapshot: () => () => undefined,
  receivingSnapshot: () => () => undefined,
};

/** What was observed is added to the notes, as `name value`. */
export function notedMaintenance(notes: string[]): MaintenanceMetrics {
  const noting = (name: string) => ({ observe: (value: number) => notes.push(`${name} ${value}`) });
  return {
    compactionMs: noting('compactionMs'),
    compactionPauseMs: noting('compactionPauseMs'),
    compacted: (nowMs) => notes.push(`compacted ${nowMs}`),
    hashRevisionSeconds: noting('hashRevisionSeconds'),
    snapshotSaveSeconds: noting('snapshotSaveSeconds'),
    databaseSaveSeconds: noting('databaseSaveSeconds'),
    sendingSnapshot: (to) => (succeeded) => notes.push(`sent to ${to} ${succeeded}`),
    receivingSnapshot: (from) => (succeeded) => notes.push(`received from ${from} ${succeeded}`),
  };
}
