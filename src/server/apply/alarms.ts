/** The alarms of the cluster: raised and disarmed by applied entries only, so that every member knows the same. */
import { alarmAction } from '../../proto/etcdserverpb-maintenance.ts';
import type { Backend } from '../storage/backend/backend.ts';
import { deleteAlarm, putAlarm, readAlarms } from '../storage/schema/alarms.ts';
import type { AlarmEntry } from './response.ts';

const noAlarm = 0;

export class Alarms {
  private active: readonly AlarmEntry[] = [];
  private backend: Backend;

  /** None, over an empty database. */
  constructor(backend: Backend) {
    this.backend = backend;
  }

  /** Takes over what a database holds. Throws ProtoError for what no etcd wrote. */
  restore(backend: Backend): void {
    this.backend = backend;
    this.active = readAlarms(backend).toSorted(compareAlarms);
  }

  /** Whether any member has raised this kind. */
  has(kind: number): boolean {
    for (const { alarm } of this.active) if (alarm === kind) return true;
    return false;
  }

  /** Those of one kind, or all for kind 0, in the order of their members' ids. */
  list(kind = noAlarm): readonly AlarmEntry[] {
    return kind === noAlarm ? this.active : this.active.filter(({ alarm }) => alarm === kind);
  }

  /** Applies one request of the Alarm call; returns what the call answers. An unknown action changes nothing. */
  apply(request: {
    readonly action: number;
    readonly memberId: bigint;
    readonly alarm: number;
  }): readonly AlarmEntry[] {
    const { memberId, alarm } = request;
    switch (request.action) {
      case alarmAction.get:
        return this.list(alarm);
      case alarmAction.activate: {
        if (alarm === noAlarm) return [];
        const raised = { memberId, alarm };
        if (!this.active.some((one) => isSame(one, raised))) {
          this.active = [...this.active, raised].sort(compareAlarms);
          putAlarm(this.backend, raised);
        }
        return [raised];
      }
      case alarmAction.deactivate: {
        const disarmed = this.active.filter((one) => isSame(one, { memberId, alarm }));
        this.active = this.active.filter((one) => !disarmed.includes(one));
        for (const one of disarmed) deleteAlarm(this.backend, one);
        return disarmed;
      }
      default:
        return [];
    }
  }
}

function isSame(a: AlarmEntry, b: AlarmEntry): boolean {
  return a.memberId === b.memberId && a.alarm === b.alarm;
}

function compareAlarms(a: AlarmEntry, b: AlarmEntry): number {
  return a.memberId < b.memberId ? -1 : a.memberId > b.memberId ? 1 : a.alarm - b.alarm;
}
