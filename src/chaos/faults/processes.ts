import type { MemberEndpoint } from '../../base/member-endpoint.ts';

/** The processes of a run as faults see and handle them; a supervisor has them, or a test. */
export interface FaultProcess {
  readonly name: string;
  readonly state: 'running' | 'stopped' | 'changing';
  readonly paused: boolean;
  /** Its process group has been suspended by the kernel; null where nobody can tell. */
  isSuspended(): boolean | null;
  /** How often it has been started. */
  readonly starts: number;
  readonly isEtcd: boolean;
  /** How clients reach it, if it is an etcd. */
  readonly endpoint: MemberEndpoint | null;
  /** Of a bundled member. */
  readonly adminSocket: string | null;
}

export interface FaultProcesses {
  all(): readonly FaultProcess[];
  /** SIGKILL to all of it; resolves when nothing is alive. It stays down, whatever its restart policy. */
  kill(name: string): Promise<void>;
  /** As `clusterctl run` does it: resolves when it is done. The error says why it is not. */
  control(command: 'start' | 'stop' | 'restart', name: string): Promise<string | null>;
  pause(name: string): void;
  resume(name: string): void;
  /** Puts a line about it into the log of the process. */
  note(name: string, text: string): void;
}
