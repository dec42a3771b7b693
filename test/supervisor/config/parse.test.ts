import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Known } from '../../../src/supervisor/config/parse.ts';
import { configJsonSchema, parseConfig } from '../../../src/supervisor/config/parse.ts';
import {
  dependenciesOf,
  over,
  ownSettings,
  resolveEndpoint,
  resolveReady,
} from '../../../src/supervisor/config/settings.ts';
import { formatProblem } from '../../../src/supervisor/procfile/problem.ts';

const specs = [
  { name: 'web', entry: 'web' },
  { name: 'api', entry: 'api' },
  { name: 'etcd1', entry: 'etcd' },
  { name: 'etcd2', entry: 'etcd' },
];
const known: Known = { entries: ['web', 'api', 'etcd'], specs };

function problems(text: string): string[] {
  return parseConfig('clusterctl.yaml', text, known).problems.map(formatProblem);
}

const hint = '(there are web, api, etcd, etcd1, etcd2)';

describe('clusterctl.yaml', () => {
  it('says how processes run', () => {
    const { config, problems } = parseConfig(
      'clusterctl.yaml',
      `
defaults: { grace: 5s, restart: on-failure }
processes:
  web:
    ready: { http: /health, status: 204, interval: 50ms }
    dependsOn: [api, etcd]
    restart: { initial: 1s, maxRestarts: 3 }
    stopSignal: INT
    env: { LOG: debug, LEVEL: 3, ON: true }
    cwd: sub
  etcd: { grace: 1s }
  etcd2: { grace: 2s, ready: { log: "^up" } }
`,
      known,
    );
    expect(problems).toEqual([]);
    expect(config.defaults).toMatchObject({ graceMs: 5_000, restart: { when: 'on-failure' } });
    expect(ownSettings(config, { name: 'web', entry: 'web' })).toEqual({
      ready: { type: 'http', url: '/health', status: 204, intervalMs: 50 },
      dependsOn: ['api', 'etcd'],
      restart: { when: 'on-failure', initialMs: 1_000, maxRestarts: 3 },
      stopSignal: 'SIGINT',
      graceMs: null,
      env: { LOG: 'debug', LEVEL: '3', ON: 'true' },
      cwd: 'sub',
      etcd: { endpoint: null, cacert: null, cert: null, key: null },
    });
    expect(ownSettings(config, { name: 'etcd1', entry: 'etcd' }).graceMs).toBe(1_000);
    expect(ownSettings(config, { name: 'etcd2', entry: 'etcd' })).toMatchObject({
      graceMs: 2_000,
      ready: { type: 'log', pattern: '^up' },
    });
    expect(dependenciesOf(config, { name: 'web', entry: 'web' }, specs)).toEqual(['api', 'etcd1', 'etcd2']);
  });

  it('says how etcds are asked, of one over what is said of all', () => {
    const text = `
defaults: { etcd: { cacert: ca.crt, cert: a.crt, key: a.key } }
processes:
  etcd: { etcd: { cert: b.crt, key: b.key } }
  web: { etcd: { endpoint: "http://127.0.0.1:$PORT" } }
`;
    const { config, problems } = parseConfig('clusterctl.yaml', text, known);
    expect(problems).toEqual([]);
    const etcd = over(config.defaults, ownSettings(config, { name: 'etcd1', entry: 'etcd' })).etcd;
    expect(etcd).toEqual({ endpoint: null, cacert: 'ca.crt', cert: 'b.crt', key: 'b.key' });
    const web = ownSettings(config, { name: 'web', entry: 'web' }).etcd;
    expect(resolveEndpoint(web, 5_000)).toEqual({ ok: true, value: 'http://127.0.0.1:5000' });
    expect(resolveEndpoint(web, null)).toMatchObject({ ok: false });
  });

  it('may be empty, and may use anchors', () => {
    expect(problems('')).toEqual([]);
    expect(problems('# nothing\n')).toEqual([]);
    expect(problems('processes:\n  web: &x { grace: 1s }\n  api: { <<: *x, cwd: y }\n')).toEqual([]);
  });

  it.each([
    ['processes: {web: {grace: soon}}', '1:26: web.grace: expected a duration such as 150ms, 2s or 1m, at most 24h'],
    ['processes: {web: {grace: 25h}}', '1:26: web.grace: expected a duration such as 150ms, 2s or 1m, at most 24h'],
    ['processes:\n  wbe:\n    grace: 1s', `2:3: there is no process wbe ${hint}`],
    ['processes:\n  web:\n    dependsOn: [api, nosuch]', `3:22: web.dependsOn: there is no process nosuch ${hint}`],
    ['processes:\n  web: {ready: {prot: 80}}', '2:17: web.ready: unknown key prot'],
    [
      'processes:\n  web:\n    retsart: always',
      '3:5: web: unknown key retsart (known are ready, restart, stopSignal, grace, env, cwd, etcd, dependsOn)',
    ],
    ['proceses: {}', '1:1: unknown key proceses (known are defaults, processes, theme, keys)'],
    [
      'processes:\n  web: {restart: sometimes}',
      '2:18: web.restart: expected no, on-failure or always, or how: { when: on-failure, initial: 100ms }',
    ],
    ['processes:\n  web: {restart: {factor: 0.5}}', '2:27: web.restart.factor: expected a number from 1 to 100'],
    ['processes:\n  web: {ready: {port: 0}}', '2:23: web.ready.port: expected a port from 1 to 65535, or $PORT'],
    [
      'processes:\n  web: {ready: {port: 80, log: x}}',
      '2:16: web.ready: expected exactly one of port, http, log, exec',
    ],
    [
      'processes:\n  web: {ready: soon}',
      '2:16: web.ready: expected started, finished, port, or a check such as { http: /health }',
    ],
    [
      'processes:\n  web: {ready: {log: "("}}',
      '2:22: web.ready.log: expected a regular expression as JavaScript has them',
    ],
    ['processes:\n  web: {stopSignal: STOP}', '2:21: web.stopSignal: expected TERM, INT, HUP, QUIT, USR1 or USR2'],
    ['processes:\n  web: {env: {A: [1]}}', '2:18: web.env.A: expected a text, a number, true or false'],
    ['processes:\n  etcd: {etcd: {cert: a.crt}}', '2:16: etcd.etcd: cert and key belong together'],
    [
      'processes:\n  etcd: {etcd: {endpoint: "localhost:2379"}}',
      '2:27: etcd.etcd.endpoint: expected an address such as https://127.0.0.1:2379, or unix://localhost:2379',
    ],
    [
      'defaults: {etcd: {endpoint: "http://a:1"}}',
      '1:19: defaults.etcd: unknown key endpoint (known are cacert, cert, key)',
    ],
    ['- web', '1:1: expected settings, as in { processes: { web: { restart: on-failure } } }'],
    ['processes:\n  web:\n', '2:3: web: expected settings, as in { restart: on-failure }'],
    [
      'defaults: {dependsOn: [web]}',
      '1:12: defaults: unknown key dependsOn (known are ready, restart, stopSignal, grace, env, cwd, etcd)',
    ],
    ['processes:\n  web: {\n', '3:1: Flow map in block collection must be sufficiently indented and end with a }'],
    [
      'processes:\n  é: {}\n  ünï: &é {grace: 1}',
      '3:19: ünï.grace: expected a duration such as 150ms, 2s or 1m, at most 24h',
    ],
  ])('says what is wrong with %j, and where', (text, problem) => {
    expect(problems(text)).toContain(`clusterctl.yaml:${problem}`);
  });

  it('tells all problems at once', () => {
    expect(problems('processes:\n  web: {grace: 1}\n  api:\n    cwd: 7\n').map((line) => line.split(' ')[0])).toEqual([
      'clusterctl.yaml:2:16:',
      'clusterctl.yaml:4:10:',
    ]);
  });

  it('has no processes that wait for each other', () => {
    const text = 'processes:\n  web: {dependsOn: [api]}\n  api:\n    dependsOn: [etcd2]\n  etcd: {dependsOn: [web]}\n';
    expect(problems(text)).toEqual([
      'clusterctl.yaml:2:20: web.dependsOn: none of them could start: web waits for api waits for etcd2 waits for web (take one of these out)',
    ]);
  });

  it('never throws', () => {
    const piece = fc.constantFrom(
      'processes',
      'web',
      ':',
      ': ',
      '\n',
      '  ',
      '{',
      '}',
      '[',
      ']',
      '&a',
      '*a',
      '1s',
      '"',
      ', ',
      'ready',
      '<<',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        for (const { line, column } of parseConfig('f', pieces.join(''), known).problems) {
          expect(Math.min(line, column)).toBeGreaterThanOrEqual(1);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('has a JSON schema with a description of every setting', () => {
    const schema = JSON.parse(JSON.stringify(configJsonSchema()));
    const settings = schema.properties.processes.additionalProperties.properties;
    expect(Object.keys(settings).sort()).toEqual([
      'cwd',
      'dependsOn',
      'env',
      'etcd',
      'grace',
      'ready',
      'restart',
      'stopSignal',
    ]);
    for (const setting of Object.values(settings)) expect(setting).toHaveProperty('description');
    expect(settings.etcd.dependentRequired).toEqual({ cert: ['key'], key: ['cert'] });
  });
});

describe('a ready check', () => {
  it('has the PORT of its instance', () => {
    const timing = { intervalMs: 100, timeoutMs: 1_000 };
    expect(resolveReady({ type: 'port', port: '$PORT' }, 5100)).toEqual({
      ok: true,
      value: { type: 'port', port: 5100, ...timing },
    });
    expect(resolveReady({ type: 'http', url: '/h', status: 200 }, 5100)).toEqual({
      ok: true,
      value: { type: 'http', url: 'http://127.0.0.1:5100/h', status: 200, ...timing },
    });
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the shell's.
    expect(resolveReady({ type: 'http', url: 'http://x:${PORT}/$PORTS', status: 200 }, 1)).toMatchObject({
      value: { url: 'http://x:1/$PORTS' },
    });
    expect(resolveReady({ type: 'port', port: '$PORT' }, null).ok).toBe(false);
    expect(resolveReady({ type: 'port', port: '80' }, null)).toMatchObject({ ok: true, value: { port: 80 } });
  });
});

describe('keys of the dashboard', () => {
  it('are judged by who knows them, and what is wrong has its place', () => {
    const text = 'theme: dark\nkeys:\n  kil: x\n  pause: [p, y]\n  stop: z\n';
    const { config, problems } = parseConfig('clusterctl.yaml', text, known, (keys) => {
      expect(keys).toEqual({ kil: 'x', pause: ['p', 'y'], stop: 'z' });
      return [
        { name: 'kil', index: null, target: 'key', message: 'there is nothing called kil', hint: 'known are kill' },
        { name: 'pause', index: 1, target: 'value', message: 'y is taken' },
        { name: 'stop', index: null, target: 'value', message: 'z is no key' },
      ];
    });
    expect(config.dashboard.keys).toEqual({});
    expect(problems.map(formatProblem)).toEqual([
      'clusterctl.yaml:3:3: keys: there is nothing called kil (known are kill)',
      'clusterctl.yaml:4:14: keys: y is taken',
      'clusterctl.yaml:5:9: keys: z is no key',
    ]);
  });
});
