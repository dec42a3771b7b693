/** The bucket `alarm`: an AlarmMember as the key, nothing as the value. */
import { type AlarmMember, alarmMember } from '../../../proto/etcdserverpb-maintenance.ts';
import type { Backend } from '../backend/backend.ts';
import { putPair, readPairs } from './pairs.ts';

const noBytes = new Uint8Array(0);

export function putAlarm(backend: Backend, alarm: AlarmMember): void {
  putPair(backend, 'alarm', alarmMember.encode(alarm), noBytes);
}

export function deleteAlarm(backend: Backend, alarm: AlarmMember): void {
  backend.delete('alarm', alarmMember.encode(alarm));
}

/** Throws ProtoError for what no etcd wrote. */
export function readAlarms(backend: Backend): AlarmMember[] {
  return readPairs(backend, 'alarm').map(({ key }) => alarmMember.decode(key));
}
