/** Every command and flag in a few words, for completion: what it is, what it takes, where it belongs. Pure. */
import { faultVerbs } from '../chaos/faults/command.ts';
import type { Options } from './syntax.ts';
import { remoteWords } from './syntax.ts';

/** What the words after a command, or the value of a flag, are. */
export type Kind =
  | { readonly type: 'words'; readonly words: readonly string[] }
  /** These, or the path of a file. */
  | { readonly type: 'wordsOrFiles'; readonly words: readonly string[] }
  /** Entries of the Procfile. */
  | { readonly type: 'entries' }
  /** What a supervisor runs; entries of the Procfile if none does. */
  | { readonly type: 'processes' }
  /** Whom a fault may hit. */
  | { readonly type: 'targets' }
  /** Ids of active faults. */
  | { readonly type: 'faults' }
  /** `web=2,work=1`. */
  | { readonly type: 'formation' }
  | { readonly type: 'files' }
  | { readonly type: 'folders' }
  /** Nothing that can be guessed. */
  | { readonly type: 'anything' };

interface FlagInfo {
  readonly summary: string;
  readonly value: Kind;
  /** How it is offered, if not by its own name; with `=…` for what it is good for. */
  readonly spelling?: string;
}

export interface CommandInfo {
  readonly summary: string;
  /** Of the words after it, in order; the last one goes on. */
  readonly operands: readonly Kind[];
  readonly flags: readonly (keyof Options)[];
}

const anything: Kind = { type: 'anything' };
const files: Kind = { type: 'files' };
const folders: Kind = { type: 'folders' };
const entries: Kind = { type: 'entries' };
const processes: Kind = { type: 'processes' };
const oneOf = (...words: readonly string[]): Kind => ({ type: 'words', words });

export const flagInfos: Readonly<Record<keyof Options, FlagInfo>> = {
  app: { summary: 'Name of the application (default app)', value: anything },
  'base-port': { summary: 'PORT of the first entry (default 5000)', value: anything },
  basedir: { summary: 'Change to this folder first', value: folders },
  cluster: { summary: 'How the etcds stand: roles, terms, indexes', value: anything },
  color: { summary: 'When to use colours', value: oneOf('auto', 'always', 'never') },
  config: { summary: 'Settings of processes (default clusterctl.yaml)', value: files },
  'control-tcp': { summary: 'Control over a loopback port too', value: anything },
  'control-token-file': { summary: 'File of its token', value: files },
  deadline: { summary: 'How long to wait', value: anything, spelling: 'timeout' },
  env: { summary: 'Env files, comma-separated (default .env)', value: files },
  'env-rules': { summary: 'Whose rules env files follow', value: oneOf('goreman', 'foreman') },
  etcd: { summary: 'Which etcd entries run', value: { type: 'wordsOrFiles', words: ['bundled', 'system'] } },
  'exit-code': { summary: 'Whose exit code to pass on', value: oneOf('goreman', 'first', 'max') },
  'exit-on-error': { summary: 'End all when one fails', value: anything },
  'exit-on-stop': { summary: 'Stay when no process is left', value: anything, spelling: 'exit-on-stop=false' },
  explain: { summary: 'Say which file wins', value: anything },
  fabric: { summary: 'Between real members, to cut their links', value: oneOf('auto', 'off', 'socks') },
  follow: { summary: 'Go on as lines come', value: anything },
  for: { summary: 'What to wait for', value: oneOf('ready', 'leader', 'exit') },
  force: { summary: 'Replace files of others', value: anything },
  formation: { summary: 'How many of each entry run', value: { type: 'formation' } },
  grace: { summary: 'From the signal to end to SIGKILL (default 10s)', value: anything },
  grep: { summary: 'Only lines that match this pattern', value: anything },
  help: { summary: 'Print help', value: anything },
  history: { summary: 'Keep no logs', value: anything, spelling: 'history=false' },
  'history-files': { summary: 'Log files kept of each process (default 2)', value: anything },
  'history-size': { summary: 'Size of a log file at most (default 16M)', value: anything },
  json: { summary: 'Print JSON', value: anything },
  lines: { summary: 'How many lines', value: anything },
  log: { summary: 'Folder for logs', value: folders },
  members: { summary: 'A cluster of so many etcd members', value: oneOf('1', '3', '5') },
  output: { summary: 'Lines as text, or as JSON', value: oneOf('text', 'ndjson') },
  portable: { summary: 'Compare with what other tools would do', value: anything },
  procfile: { summary: 'The Procfile (default Procfile)', value: files },
  rolling: { summary: 'One at a time, each when the one before is ready', value: anything },
  'rpc-port': { summary: 'Number that names a supervisor', value: anything },
  'rpc-server': { summary: 'No socket for run and status', value: anything, spelling: 'control=false' },
  'set-ports': { summary: 'Leave PORT alone', value: anything, spelling: 'set-ports=false' },
  since: { summary: 'Only what was said so long ago', value: anything },
  'state-dir': { summary: 'Folder of generated clusters', value: folders },
  'stop-signal': { summary: 'Which signal stops', value: oneOf('TERM', 'INT', 'HUP', 'QUIT', 'same') },
  timestamps: { summary: 'No time before each line', value: anything, spelling: 'logtime=false' },
  tui: { summary: 'Lines instead of the dashboard', value: anything, spelling: 'tui=false' },
  user: { summary: 'Who runs it (default the application)', value: anything },
  version: { summary: 'Print the version', value: anything },
};

/** What is read by every command that reads the Procfile. */
const inputs = ['procfile', 'config', 'basedir', 'env', 'env-rules'] as const;
const choice = ['formation', 'members', 'base-port', 'set-ports', 'etcd', 'state-dir', 'grace', 'stop-signal'] as const;
/** Which supervisor is meant. */
const target = ['procfile', 'members', 'state-dir', 'rpc-port', 'control-tcp', 'control-token-file'] as const;

/** In the order of the help. */
export const commandInfos: Readonly<Record<string, CommandInfo>> = {
  start: {
    summary: 'Start all entries of the Procfile, or those named',
    operands: [entries],
    flags: [
      ...inputs,
      ...choice,
      'fabric',
      'exit-on-error',
      'exit-on-stop',
      'exit-code',
      'rpc-port',
      'rpc-server',
      'control-tcp',
      'control-token-file',
      'history',
      'history-files',
      'history-size',
      'timestamps',
      'tui',
      'output',
      'color',
    ],
  },
  run: {
    summary: 'Control a running supervisor, or run one command',
    operands: [oneOf(...remoteWords), processes],
    flags: [...target, 'rolling', 'deadline', 'env', 'env-rules', 'etcd'],
  },
  exec: {
    summary: 'Run one command as the entries would',
    operands: [entries, files],
    flags: [...inputs, 'etcd'],
  },
  status: { summary: 'What runs, since when, how it ended', operands: [], flags: [...target, 'cluster', 'json'] },
  timeline: { summary: 'Who led when, elections and faults', operands: [], flags: [...target, 'json'] },
  events: { summary: 'Follow leaders, elections and faults', operands: [], flags: [...target, 'json', 'since'] },
  logs: {
    summary: 'What was said',
    operands: [processes],
    flags: [...target, 'follow', 'lines', 'since', 'grep', 'timestamps', 'output', 'color'],
  },
  attach: {
    summary: 'Follow a running supervisor from here',
    operands: [processes],
    flags: [...target, 'lines', 'since', 'grep', 'timestamps', 'output', 'color'],
  },
  fault: {
    summary: 'Break the cluster live, and heal it',
    operands: [oneOf(...faultVerbs), processes],
    flags: [...target, 'json'],
  },
  wait: {
    summary: 'Wait until processes are ready, lead or exit',
    operands: [processes],
    flags: [...target, 'for', 'deadline'],
  },
  check: {
    summary: 'Check the Procfile and print its entries',
    operands: [],
    flags: [...inputs, 'portable', 'json'],
  },
  config: { summary: 'Print the JSON schema of clusterctl.yaml', operands: [oneOf('schema')], flags: [] },
  export: {
    summary: 'Write files for another init system',
    operands: [oneOf('systemd', 'upstart', 'supervisord', 'launchd'), folders, entries],
    flags: [...inputs, ...choice, 'app', 'user', 'log', 'force'],
  },
  env: { summary: 'Print what env files set', operands: [], flags: [...inputs, 'explain'] },
  completion: {
    summary: 'Print a script that makes a shell complete',
    operands: [oneOf('bash', 'zsh', 'fish')],
    flags: [],
  },
  version: { summary: 'Print the version', operands: [], flags: [] },
  help: { summary: 'Print help', operands: [oneOf('start', 'export', 'fault')], flags: [] },
};
