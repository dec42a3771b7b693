import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { ParsedCommand } from '../../../src/server/config/command.ts';
import { parseCommand } from '../../../src/server/config/command.ts';
import type { EtcdConfig } from '../../../src/server/config/config.ts';
import { startFields } from '../../../src/server/config/describe.ts';
import { allFlags, environmentName, etcdFlags } from '../../../src/server/config/flags.ts';
import { flagHelp } from '../../../src/server/config/help.ts';
import { notYetEffective } from '../../../src/server/config/support.ts';
import { encodeRecord } from '../../../src/server/log/encode.ts';

function parse(args: string[], environment: Record<string, string> = {}, file = ''): Promise<ParsedCommand> {
  return parseCommand({ program: 'etcd', args, environment, readFile: () => file });
}

async function configOf(args: string[], environment: Record<string, string> = {}, file = ''): Promise<EtcdConfig> {
  const command = await parse(args, environment, file);
  if (command.type !== 'run') throw new Error(JSON.stringify(command));
  return command.config;
}

async function messages(args: string[], environment: Record<string, string> = {}, file = ''): Promise<string[]> {
  const command = await parse(args, environment, file);
  if (command.type !== 'run' && command.type !== 'invalid') throw new Error(JSON.stringify(command));
  return command.lines.map((line) => line.message);
}

async function finalError(args: string[], environment: Record<string, string> = {}, file = ''): Promise<unknown> {
  const command = await parse(args, environment, file);
  if (command.type === 'usageError') return command.text.split('\n')[0];
  if (command.type !== 'invalid') throw new Error(command.type);
  return command.lines.at(-1)?.fields['error'];
}

const example = [
  ...['--name', 'infra1', '--listen-client-urls', 'http://127.0.0.1:12379'],
  ...['--advertise-client-urls', 'http://127.0.0.1:12379', '--listen-peer-urls', 'http://127.0.0.1:12380'],
  ...['--initial-advertise-peer-urls', 'http://127.0.0.1:12380', '--initial-cluster-token', 'etcd-cluster-1'],
  ...['--initial-cluster', 'infra1=http://127.0.0.1:12380,infra2=http://127.0.0.1:22380'],
  ...['--initial-cluster-state', 'new', '--enable-pprof', '--logger=zap', '--log-outputs=stderr'],
];

describe('the flag table', () => {
  test('holds every flag of etcd 3.6.5 and 3.4.23, with its default and its variable', () => {
    type Row = readonly [name: string, type: string, initial: string, variable: string];
    const recorded: Readonly<Record<string, readonly Row[]>> = JSON.parse(
      readFileSync(new URL('../../testdata/config/etcd-flags.json', import.meta.url), 'utf8'),
    );
    const current = recorded['3.6.5'] ?? [];
    expect(Object.keys(etcdFlags).sort()).toEqual(current.map(([name]) => name).sort());
    expect(current.length).toBe(153);
    const names = new Set<string>(Object.keys(allFlags));
    expect((recorded['3.4.23'] ?? []).filter(([name]) => !names.has(name))).toEqual([]);
    const flags: Readonly<Record<string, { readonly default: unknown }>> = etcdFlags;
    for (const [name, , initial, variable] of current) {
      expect(environmentName(name)).toBe(variable);
      expect(textOf(flags[name]?.default), name).toBe(initial);
    }
  });

  test('help names every flag that does something', () => {
    const help = flagHelp();
    const hidden = /^(experimental-|version$|config-file$)/;
    const silent = Object.entries(etcdFlags).filter(([name, flag]) => flag.default !== null && !hidden.test(name));
    for (const [name] of silent) expect(help).toContain(`--${name}=`);
  });

  test('flags without effect are real flags', () => {
    for (const name of notYetEffective) expect(Object.hasOwn(allFlags, name), name).toBe(true);
  });
});

function textOf(value: unknown): string {
  if (value === null || value === undefined || value instanceof Map) return '';
  if (Array.isArray(value)) return value.map((one) => (typeof one === 'string' ? one : one.text)).join(',');
  return String(value);
}

describe('configuration', () => {
  test('the example Procfile starts with at most one complaint of ours', async () => {
    const command = await parse(example);
    if (command.type !== 'run') throw new Error(command.type);
    expect(command.config).toMatchObject({
      name: 'infra1',
      dataDir: 'infra1.etcd',
      heartbeatIntervalMs: 100,
      electionTimeoutMs: 1000,
      preVote: true,
      initialClusterState: 'new',
      initialClusterToken: 'etcd-cluster-1',
      log: { level: 'info', format: 'json', outputs: ['stderr'] },
    });
    const ours = command.lines.filter((line) => line.message.includes('no effect'));
    expect(ours.map((line) => line.fields)).toEqual([{ flags: ['--enable-pprof'] }]);
  });

  test('a member that has only a name is a cluster of its own', async () => {
    expect((await configOf(['--name', 'a'])).initialCluster).toBe('a=http://localhost:2380');
    expect((await configOf([])).initialCluster).toBe('default=http://localhost:2380');
  });

  test('units are in the names: durations become milliseconds', async () => {
    const config = await configOf(['--grpc-keepalive-interval=1h0m0s', '--warning-unary-request-duration', '1µs']);
    expect(config.grpcKeepAliveIntervalMs).toBe(3_600_000);
    expect(config.warningUnaryRequestDurationMs).toBe(0.001);
    expect((await configOf([])).warningUnaryRequestDurationMs).toBe(300);
  });

  test.each([
    [['--auto-compaction-retention', '1'], { mode: 'periodic', retentionMs: 3_600_000 }],
    [['--auto-compaction-retention', '5m'], { mode: 'periodic', retentionMs: 300_000 }],
    [
      ['--auto-compaction-mode=revision', '--auto-compaction-retention=1000'],
      { mode: 'revision', retentionRevisions: 1000 },
    ],
    [['--auto-compaction-mode=revision'], { mode: 'off' }],
  ])('%j', async (args, compaction) => {
    expect((await configOf(args)).compaction).toEqual(compaction);
  });

  test.each([
    [['--logger=capnslog'], '--logger=capnslog is removed in v3.5'],
    [['--log-outputs', 'default,stderr'], 'multi logoutput for "default" is not supported yet'],
    [['--enable-log-rotation'], '--log-outputs requires a single file path when --log-rotate-config-json is defined'],
    [['--log-level', 'warning'], 'panic: unrecognized level: "warning"'],
    [['--discovery-fallback=proxy'], `v2 proxy is deprecated, and --discovery-fallback can't be configured as "proxy"`],
    [
      ['--advertise-client-urls', 'unix://foo'],
      '--advertise-client-urls "unix://foo" must be "host:port" (address foo: missing port in address)',
    ],
    [['--discovery-token', 'x'], 'both --discovery-token and --discovery-endpoints must be set'],
    [['--compact-hash-check-time=0s'], '--compact-hash-check-time must be >0 (set to 0s)'],
    [
      ['--feature-gates', 'LeaseCheckpointPersist=true'],
      'enabling feature gate LeaseCheckpointPersist requires enabling feature gate LeaseCheckpoint',
    ],
    [
      ['--feature-gates', 'LeaseCheckpointPersist'],
      'invalid value "LeaseCheckpointPersist" for flag -feature-gates: missing bool value for LeaseCheckpointPersist',
    ],
    [
      ['--feature-gates', 'LeaseCheckpoint=x'],
      'invalid value "LeaseCheckpoint=x" for flag -feature-gates: invalid value of LeaseCheckpoint=x, err: strconv.ParseBool: parsing "x": invalid syntax',
    ],
    [
      ['--max-concurrent-streams', '4294967296'],
      'invalid value "4294967296" for flag -max-concurrent-streams: strconv.ParseUint: parsing "4294967296": value out of range',
    ],
    [
      ['--max-concurrent-streams', 'x'],
      'invalid value "x" for flag -max-concurrent-streams: strconv.ParseUint: parsing "x": invalid syntax',
    ],
    [['--cors', 'foo'], 'invalid value "foo" for flag -cors: URL scheme must be http, https, unix, or unixs: foo'],
    [
      ['--experimental-corrupt-check-time=1s', '--corrupt-check-time=1s'],
      'cannot set --experimental-corrupt-check-time and --corrupt-check-time at the same time, please use --corrupt-check-time only',
    ],
    [
      ['--experimental-initial-corrupt-check', '--feature-gates=InitialCorruptCheck=true'],
      'cannot specify both flags: --experimental-initial-corrupt-check=true and --feature-gates=InitialCorruptCheck=true at the same time, please just use --feature-gates=InitialCorruptCheck=true',
    ],
    [
      ['--experimental-warning-unary-request-duration=1s', '--warning-unary-request-duration=1s'],
      'both --experimental-warning-unary-request-duration and --warning-unary-request-duration flags are set. Use only --warning-unary-request-duration',
    ],
    [
      ['--tls-min-version=TLS1.3', '--tls-max-version=TLS1.2'],
      'min version (TLS1.3) is greater than max version (TLS1.2)',
    ],
    [['--client-crl-file', 'revoked.crl'], '--client-crl-file is not supported yet: certificates cannot be revoked'],
  ])('refuses %j', async (args, error) => {
    expect(await finalError(args)).toBe(error);
  });
});

test('the line of a starting member shows the settings as etcd does', async () => {
  const recorded = readFileSync(new URL('../../testdata/log/etcd-json.log', import.meta.url), 'utf8').split('\n');
  const line = recorded.find((one) => one.includes('"starting an etcd server"')) ?? '';
  const { level, ts, caller, msg, ...theirs } = JSON.parse(line);
  const initialCluster = 'infra1=http://127.0.0.1:12380,infra2=http://127.0.0.1:22380,infra3=http://127.0.0.1:32380';
  const config = await configOf([...example, '--initial-cluster', initialCluster]);
  const fields = startFields(config, { version: '3.6.5', memberInitialized: false, processors: 2 });
  const encoded = encodeRecord({ level: 'info', timeUs: 0, logger: '', caller, message: msg, fields }, 'json');
  const { level: _level, ts: _ts, caller: _caller, msg: _msg, ...ours } = JSON.parse(encoded);
  expect(Object.keys(ours)).toEqual(Object.keys(theirs));
  const honest = ['git-sha', 'go-version', 'go-os', 'go-arch'];
  const shown = (all: Record<string, unknown>) => Object.entries(all).filter(([key]) => !honest.includes(key));
  expect(shown(ours)).toEqual(shown(theirs));
  expect([level, typeof ts]).toEqual(['info', 'string']);
});

describe('flags on their way out', () => {
  test('an experimental flag sets its successor and warns in the words of etcd', async () => {
    const args = ['--experimental-watch-progress-notify-interval=2s'];
    expect((await configOf(args)).watchProgressNotifyIntervalMs).toBe(2000);
    expect(await messages(args)).toContain(
      "--experimental-watch-progress-notify-interval is deprecated in v3.6 and will be decommissioned in v3.7. Use '--watch-progress-notify-interval' instead.",
    );
    expect(await messages(['--snapshot-count=5'])).toContain(
      '--snapshot-count is deprecated in 3.6 and will be decommissioned in 3.7.',
    );
  });

  test('those without effect are named in one line', async () => {
    const command = await parse([
      '--experimental-initial-corrupt-check',
      '--experimental-enable-lease-checkpoint',
      '--experimental-warning-apply-duration=5s',
      '--name=a',
      '--enable-v2',
    ]);
    if (command.type !== 'run') throw new Error(command.type);
    const line = command.lines.find((one) => one.message.includes('no effect'));
    expect(line?.fields).toEqual({
      flags: ['--experimental-warning-apply-duration'],
    });
  });

  test('of feature gates, only those without effect are named', async () => {
    const gates = '--feature-gates=CompactHashCheck=true,SetMemberLocalAddr=true,StopGRPCServiceOnDefrag=true';
    const command = await parse([gates, '--corrupt-check-time=1s']);
    if (command.type !== 'run') throw new Error(command.type);
    const line = command.lines.find((one) => one.message.includes('no effect'));
    expect(line?.fields).toEqual({ flags: ['--feature-gates=SetMemberLocalAddr'] });
  });

  test('an experimental switch sets its feature gate', async () => {
    const { featureGates } = await configOf(['--experimental-stop-grpc-service-on-defrag']);
    expect([...featureGates]).toEqual([['StopGRPCServiceOnDefrag', true]]);
  });

  test('AllAlpha switches the alpha gates that are not named', async () => {
    const { featureGates } = await configOf(['--feature-gates', 'CompactHashCheck=false,AllAlpha=true']);
    expect(featureGates.get('CompactHashCheck')).toBe(false);
    expect(featureGates.get('SetMemberLocalAddr')).toBe(true);
    expect(featureGates.has('TxnModeWriteWithSharedBuffer')).toBe(false);
  });

  test('flags of 3.4 are accepted with a warning', async () => {
    const config = await configOf(['--debug', '--log-output=stdout', '--enable-v2=true', '--proxy=off']);
    expect(config.log).toEqual({ level: 'debug', format: 'json', outputs: ['stdout'] });
    const warnings = (await messages(['--debug', '--enable-v2'])).filter((message) => message.includes('3.4'));
    expect(warnings.length).toBe(2);
  });
});

describe('environment', () => {
  test('a variable sets what no flag sets', async () => {
    const config = await configOf(['--election-timeout=2000'], {
      ETCD_NAME: 'e',
      ETCD_PRE_VOTE: 'false',
      PATH: '/bin',
    });
    expect(config).toMatchObject({ name: 'e', preVote: false, electionTimeoutMs: 2000, dataDir: 'e.etcd' });
  });

  test('an empty variable says nothing, unless its flag is set too', async () => {
    expect((await configOf([], { ETCD_NAME: '' })).name).toBe('default');
    expect((await parse(['--name=x'], { ETCD_NAME: '' })).type).toBe('invalid');
  });

  test('ETCD_VERSION is refused as a flag but does not stop the member', async () => {
    const lines = await messages([], { ETCD_VERSION: '3.4.23' });
    expect(lines).toContain('cannot set special environment variable');
    expect(lines).not.toContain('unrecognized environment variable');
  });

  test('the configuration file may be named by a variable', async () => {
    expect((await configOf([], { ETCD_CONFIG_FILE: 'x.yml', ETCD_NAME: 'e' }, 'name: f')).name).toBe('f');
  });
});

describe('configuration file', () => {
  const file = (text: string): Promise<EtcdConfig> => configOf(['--config-file', 'c.yml'], {}, text);

  test('keys are flags, sections hold TLS, and lists are lists', async () => {
    const config = await file(
      [
        'name: fy',
        'election-timeout: 2000',
        'pre-vote: off',
        'log-outputs: [stdout]',
        'listen-client-urls: http://127.0.0.1:1,http://127.0.0.1:2',
        'quota-backend-bytes: -1',
        'auto-compaction-retention: "1"',
        'grpc-keepalive-min-time: 5000000000',
        'unknown-key: {a: 1}',
        'client-transport-security:',
        '  cert-file: c.crt',
        '  client-cert-auth: true',
        'peer-transport-security:',
        '  allowed-cn: [a, b]',
        '  auto-tls: true',
      ].join('\n'),
    );
    expect(config).toMatchObject({
      name: 'fy',
      electionTimeoutMs: 2000,
      preVote: false,
      quotaBackendBytes: -1,
      grpcKeepAliveMinTimeMs: 5000,
      log: { outputs: ['stdout'] },
      tls: {
        client: { certFile: 'c.crt', clientCertAuth: true },
        peer: { allowedCommonNames: ['a', 'b'], auto: true },
      },
    });
    expect(config.listenClientUrls.map((url) => url.port)).toEqual([1, 2]);
    expect(config.advertiseClientUrls.map((url) => url.text)).toEqual(['http://localhost:2379']);
  });

  test('an empty file is all defaults', async () => {
    expect((await file('')).name).toBe('default');
    expect((await file('# only a comment\n')).name).toBe('default');
  });

  test.each([
    [
      'election-timeout: abc',
      'cannot unmarshal string into Go struct field configYAML.Config.election-timeout of type uint',
    ],
    [
      'election-timeout: -1',
      'cannot unmarshal number -1 into Go struct field configYAML.Config.election-timeout of type uint',
    ],
    [
      'election-timeout: 1.5',
      'cannot unmarshal number 1.5 into Go struct field configYAML.Config.election-timeout of type uint',
    ],
    ['name: 5', 'cannot unmarshal number into Go struct field configYAML.Config.name of type string'],
    ['name: y', 'cannot unmarshal bool into Go struct field configYAML.Config.name of type string'],
    ['pre-vote: 3', 'cannot unmarshal number into Go struct field configYAML.Config.pre-vote of type bool'],
    [
      'log-outputs: stderr',
      'cannot unmarshal string into Go struct field configYAML.Config.log-outputs of type []string',
    ],
    [
      'client-transport-security: 5',
      'cannot unmarshal number into Go struct field configYAML.configJSON.client-transport-security of type embed.securityConfig',
    ],
    [
      'client-transport-security:\n  auto-tls: 5',
      'cannot unmarshal number into Go struct field securityConfig.configJSON.client-transport-security.auto-tls of type bool',
    ],
    ['a', 'cannot unmarshal string into Go value of type embed.configYAML'],
  ])('%s', async (text, problem) => {
    const error = await finalError(['--config-file=c'], {}, text);
    expect(error).toBe(`error unmarshaling JSON: while decoding JSON: json: ${problem}`);
  });

  test('bad URLs in the file are complained about bare, exit 1', async () => {
    expect(await parse(['--config-file=c'], {}, 'listen-client-urls: foo')).toEqual({
      type: 'usageError',
      exitCode: 1,
      text: 'unexpected error setting up listen-client-urls: URL scheme must be http, https, unix, or unixs: foo\n',
    });
  });

  test.each([
    ['initial-cluster-state: bogus', 'unexpected clusterState "bogus"'],
    ['feature-gates: Bogus=true', 'unrecognized feature gate: Bogus'],
    ['discovery-config:\n  token: x', 'both --discovery-token and --discovery-endpoints must be set'],
  ])('%s', async (text, error) => {
    expect(await finalError(['--config-file=c'], {}, text)).toBe(error);
  });
});
