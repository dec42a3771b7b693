/**
 * /health, /livez and /readyz. Checks that need the cluster end by themselves: a linearizable read fails when no quorum confirms it
 * in time (etcd server/etcdserver/api/etcdhttp/health.go).
 */
import { alarmType } from '../../proto/etcdserverpb-maintenance.ts';
import type { MemberApi } from '../member/api.ts';
import { errorAnswer, type HttpAnswer, type HttpQuestion, onlyGet, textAnswer } from './answer.ts';

/** What the endpoints need of the member. */
export type HealthSource = Pick<MemberApi, 'alarms' | 'leaderId' | 'isLearner' | 'linearizableRead'>;

/** Where lines about failures go, with their fields. */
export interface HealthLog {
  warn(message: string, fields?: Readonly<Record<string, string | number>>): void;
  error(message: string, fields?: Readonly<Record<string, string | number>>): void;
}

/** Counts outcomes: etcd_server_health_{success,failures}, etcd_server_healthcheck{,s_total}; logs those that probes act upon. */
export interface HealthCounters {
  readonly logger: HealthLog;
  health(healthy: boolean): void;
  check(type: CheckType, name: string, healthy: boolean): void;
}

export type CheckType = 'livez' | 'readyz';

type Done = (answer: HttpAnswer) => void;

/** Kinds of alarms as users know them. */
export const alarmNames: Readonly<Record<number, string>> = {
  [alarmType.noSpace]: 'NOSPACE',
  [alarmType.corrupt]: 'CORRUPT',
};

/** Answers GET /health: alarms first, then the leader, then a read; the last two of the cluster unless `serializable=true`. */
export function answerHealth(source: HealthSource, counters: HealthCounters, question: HttpQuestion, done: Done): void {
  const { logger } = counters;
  if (question.method !== 'GET') {
    logger.warn('/health error', { 'status-code': 405 });
    done(onlyGet);
    return;
  }
  const finish = (reason: string | null): void => {
    counters.health(reason === null);
    const body = JSON.stringify({ health: String(reason === null), reason: reason ?? '' });
    if (reason !== null) {
      logger.warn('/health error', { output: body, 'status-code': 503 });
      done(errorAnswer(503, body));
    } else done({ status: 200, headers: { 'Content-Type': 'text/plain; charset=utf-8' }, body });
  };
  const excluded = new Set(question.query.getAll('exclude'));
  const alarm = source.alarms().find((one) => !excluded.has(alarmNames[one.alarm] ?? String(one.alarm)));
  if (alarm !== undefined) {
    logger.warn('serving /health false due to an alarm', { alarm: alarmText(alarm) });
    finish(`ALARM ${alarmNames[alarm.alarm] ?? 'UNKNOWN'}`);
  } else if (question.query.get('serializable') === 'true') finish(null);
  else if (source.leaderId() === 0n) {
    logger.warn('serving /health false; no leader');
    finish('RAFT NO LEADER');
  } else {
    source.linearizableRead((error) => {
      if (error !== null) logger.warn('serving /health false; Range fails', { error: error.message });
      finish(error === null ? null : `RANGE ERROR:${error.message}`);
    });
  }
}

/** As Go prints the message. */
function alarmText({ memberId, alarm }: ReturnType<HealthSource['alarms']>[number]): string {
  return `memberID:${memberId} alarm:${alarmNames[alarm] ?? alarm} `;
}

/** A check calls back with the reason of its failure, or null. */
type Check = (source: HealthSource, done: (failure: string | null) => void) => void;

/** A read from the local store alone: a member that runs can always do it. */
const serializableRead: Check = (_source, done) => done(null);

const linearizableRead: Check = (source, done) => source.linearizableRead((error) => done(error?.message ?? null));

const dataCorruption: Check = (source, done) =>
  done(source.alarms().some(({ alarm }) => alarm === alarmType.corrupt) ? 'alarm activated: CORRUPT' : null);

const nonLearner: Check = (source, done) => done(source.isLearner() ? 'not supported for learner' : null);

const checks: Readonly<Record<CheckType, ReadonlyMap<string, Check>>> = {
  livez: new Map([['serializable_read', serializableRead]]),
  readyz: new Map([
    ['data_corruption', dataCorruption],
    ['serializable_read', serializableRead],
    ['linearizable_read', linearizableRead],
    ['non_learner', nonLearner],
  ]),
};

/** Answers /livez, /readyz and their single checks; null if the path is none of them. `exclude` of an unknown check is ignored. */
export function answerChecks(
  source: HealthSource,
  counters: HealthCounters,
  question: HttpQuestion,
): ((done: Done) => void) | null {
  const [, type, name, ...rest] = question.path.split('/');
  if ((type !== 'livez' && type !== 'readyz') || rest.length > 0) return null;
  if (name !== undefined && !checks[type].has(name)) return null;
  if (question.method !== 'GET') {
    counters.logger.warn('Health request error', { path: question.path, 'status-code': 405 });
    return (done) => done(onlyGet);
  }
  const excluded = new Set(question.query.getAll('exclude'));
  const chosen = [...checks[type]].filter(([one]) => (name === undefined ? !excluded.has(one) : one === name));
  return (done) => runChecks(source, counters, question, type, chosen, done);
}

function runChecks(
  source: HealthSource,
  counters: HealthCounters,
  { path, query }: HttpQuestion,
  type: CheckType,
  chosen: readonly (readonly [name: string, check: Check])[],
  done: Done,
): void {
  let report = '';
  let healthy = true;
  const run = (at: number): void => {
    const next = chosen[at];
    if (next === undefined) {
      // http.Error ends the report with another newline, which etcd's answer therefore has.
      if (!healthy) {
        counters.logger.error('Health check error', { path, reason: report, 'status-code': 503 });
        done(errorAnswer(503, report));
      } else done(textAnswer(query.has('verbose') ? `${report}ok\n` : 'ok\n'));
      return;
    }
    const [name, check] = next;
    check(source, (failure) => {
      counters.check(type, name, failure === null);
      report += failure === null ? `[+]${name} ok\n` : `[-]${name} failed: ${failure}\n`;
      healthy &&= failure === null;
      run(at + 1);
    });
  };
  run(0);
}
