import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Application, Unit } from '../../../src/supervisor/export/application.ts';
import { applicationName } from '../../../src/supervisor/export/application.ts';
import type { ExportFormat } from '../../../src/supervisor/export/generate.ts';
import { exportFormats, generate, leftOut } from '../../../src/supervisor/export/generate.ts';
import { defaultRestart } from '../../../src/supervisor/restart-policy.ts';
import type { Decoded } from './decode.ts';
import { decode } from './decode.ts';

const goldens = fileURLToPath(new URL('../../testdata/export', import.meta.url));

function unit(part: Partial<Unit>): Unit {
  return {
    entry: 'web',
    instance: 1,
    command: 'true',
    env: {},
    cwd: '/srv/app',
    stopSignal: 'SIGTERM',
    graceMs: 10_000,
    restart: null,
    finishes: false,
    dependsOn: [],
    ...part,
  };
}

function application(units: readonly Unit[], part: Partial<Application> = {}): Application {
  return {
    name: 'app',
    user: 'app',
    log: null,
    units,
    ...part,
  };
}

function filesOf(format: ExportFormat, app: Application) {
  const files = generate(format, app);
  if (!files.ok) throw new Error(files.error.join('\n'));
  return files.value;
}

/** What the first instance would run, and in which environment, read by the rules of the format. */
function firstOf(format: ExportFormat, app: Application): Decoded {
  const named = format === 'upstart' ? /-\d+\.conf$/ : /\.(?:service|conf|plist)$/;
  const file = filesOf(format, app).find((one) => named.test(one.name));
  if (file === undefined) throw new Error(`no file of an instance in ${format}`);
  return decode(format, file.text);
}

const inShop = (part: Partial<Unit>) => unit({ cwd: '/srv/my app', graceMs: 4_500, ...part });
const shop = application([
  inShop({ command: 'exec node server.js --port $PORT "a b" 100%', env: { FOO: 'bar', PORT: '5000', PS: 'web.1' } }),
  inShop({
    instance: 2,
    command: 'exec node server.js --port $PORT "a b" 100%',
    env: { FOO: 'bar', PORT: '5001', PS: 'web.2' },
  }),
  inShop({
    entry: 'name with space',
    command: "echo 'it'\\''s' <in >out && sleep 5 # done; really",
    env: { QUOTES: `a "b" 'c' $X %h \\n ; #`, PORT: '5100', PS: 'name with space.1' },
  }),
  inShop({
    entry: 'etcd',
    command: 'etcd --name $NAME',
    env: { PATH: '/opt/clusterctl/shims:/usr/bin', PORT: '5200', PS: 'etcd.1' },
  }),
]);

describe.each(exportFormats)('export to %s', (format) => {
  it('writes these files', async () => {
    const files = filesOf(format, shop);
    for (const { name, text } of files) await expect(text).toMatchFileSnapshot(`${goldens}/${format}/${name}`);
    const names = files.map((file) => file.name).join('\n');
    await expect(`${names}\n`).toMatchFileSnapshot(`${goldens}/${format}/names.txt`);
  });

  it('says any command, variable and folder so that the format reads it back as it was', () => {
    const special = fc.constantFrom(
      ...`"'\\$%;#\`&<>{}()=: \tnü`,
      '%%',
      '$$',
      ' #',
      ' ;',
      '\\"',
      '-->',
      '&amp;',
      '%(x)s',
    );
    const text = fc
      .array(fc.oneof(special, fc.constantFrom('a', 'b', '1')), { maxLength: 12 })
      .map((all) => all.join(''));
    fc.assert(
      fc.property(text, text, text, (command, value, other) => {
        const env = { A: value, _b2: other, PORT: '5000' };
        const decoded = firstOf(format, application([unit({ command, env })]));
        expect(decoded).toEqual({ argv: ['/bin/sh', '-c', command], env });
      }),
      { numRuns: 500 },
    );
  });

  it('refuses what the format has no way to say', () => {
    expect(generate(format, application([unit({ command: 'a\0b' })]))).toEqual({
      ok: false,
      error: [`web: ${format} has no way to write the character "\\u0000"`],
    });
    expect(generate(format, application([unit({ env: { 'A.B': 'x' } })]))).toEqual({
      ok: false,
      error: [`"A.B" is no name of a variable that ${format} takes`],
    });
    const lineBreak = generate(format, application([unit({ env: { A: 'x\ny' } })]));
    if (format === 'systemd' || format === 'launchd') expect(lineBreak.ok).toBe(true);
    else expect(lineBreak).toEqual({ ok: false, error: [`A: ${format} has no way to write a line break in a value`] });
  });

  it('stops with the signal that is asked for', () => {
    const files = generate(format, application([unit({ stopSignal: 'SIGINT', graceMs: 1_200 })]));
    if (format === 'launchd') {
      expect(files).toEqual({ ok: false, error: ['launchd stops with SIGTERM, never SIGINT'] });
    } else {
      const text = files.ok ? files.value.map((file) => file.text).join('') : '';
      expect(text).toMatch(/^(?:KillSignal=|stopsignal=|kill signal )(?:SIG)?INT$/m);
      expect(text).toMatch(/^(?:TimeoutStopSec=2s|stopwaitsecs=2|kill timeout 2)$/m);
    }
  });

  it('refuses two instances under one name', () => {
    const clash = generate(format, application([unit({ entry: 'a b' }), unit({ entry: 'a_b' })]));
    expect(clash.ok ? [] : clash.error).toContain('two things would be called a_b.1: rename an entry');
  });

  it('names no user, and logs to a folder, if told to', () => {
    const all = filesOf(format, application([unit({})], { user: null, log: '/tmp/log s' }));
    const text = all.map((file) => file.text).join('\n');
    expect(text).not.toMatch(/^User=|^user=|setuid|UserName/m);
    expect(text).toMatch(/\/tmp\/log s\/(?:app-)?web[.-]1\.log/);
  });
});

it('carries line breaks in values where the format can', () => {
  for (const format of ['systemd', 'launchd'] as const) {
    const env = { A: 'one\n two\n\n"three"' };
    expect(firstOf(format, application([unit({ env })])).env, format).toEqual(env);
  }
});

it.each(['app', 'my-app', 'a.b_c-1'])('%s can name an application', (name) =>
  expect(applicationName.test(name)).toBe(true),
);

it.each(['', 'a b', '-a', 'a-', 'a--b', '../a', 'a/b', 'ü', '.a'])('%j cannot name an application', (name) =>
  expect(applicationName.test(name)).toBe(false),
);

describe('what clusterctl.yaml says', () => {
  const migrate = { entry: 'migrate', finishes: true, restart: { ...defaultRestart, when: 'on-failure' as const } };
  const app = application([
    unit({ ...migrate, cwd: '/srv/m' }),
    unit({ entry: 'db', stopSignal: 'SIGQUIT', graceMs: 500, restart: { ...defaultRestart, when: 'always' } }),
    unit({
      dependsOn: [
        { entry: 'migrate', instance: 1, finishes: true },
        { entry: 'db', instance: 1, finishes: false },
      ],
      restart: { ...defaultRestart, when: 'no' },
    }),
  ]);

  it('becomes stanzas of upstart, each of a kind that init(5) has', () => {
    const files = filesOf('upstart', app);
    const stanza =
      /^(?:#.*|start on .+|stop on .+|task|respawn|respawn limit \d+ \d+|normal exit 0|kill signal [A-Z0-9]+|kill timeout \d+|env \w+=.*|setuid \S+|chdir \S+|exec .+|)$/;
    const event = /^(?:starting|started|stopped) [\w.-]+(?: RESULT=ok)?$/;
    for (const { text } of files) {
      for (const line of text.split('\n')) expect(line).toMatch(stanza);
      const [, on = ''] = /^start on (.*)$/m.exec(text) ?? [];
      if (on.startsWith('runlevel')) continue;
      for (const one of on.replace(/^\((.*)\)$/, '$1').split(' and ')) expect(one).toMatch(event);
    }
    const web = files.find((file) => file.name === 'app-web-1.conf')?.text;
    expect(web).toContain(
      'start on (stopped app-migrate-1 RESULT=ok and started app-db-1)\nstop on stopping app-web\n',
    );
    expect(web).not.toContain('respawn');
    const migrating = files.find((file) => file.name === 'app-migrate-1.conf')?.text;
    expect(migrating).toContain('\ntask\nrespawn\nrespawn limit 10 300\nnormal exit 0\n');
    expect(files.find((file) => file.name === 'app-db-1.conf')?.text).toContain('kill signal QUIT\nkill timeout 1\n');
  });

  it('is an order of starts for supervisord, and nothing for launchd, which is said', () => {
    const [file] = filesOf('supervisord', app);
    expect(file?.text.match(/^priority=.*$/gm)).toEqual(['priority=1000']);
    expect(file?.text.match(/^autorestart=.*$/gm)).toEqual([
      'autorestart=unexpected',
      'autorestart=true',
      'autorestart=false',
    ]);
    expect(leftOut('supervisord', app)).toEqual([
      'supervisord starts in order, but waits for nothing to be ready: web',
    ]);
    expect(leftOut('launchd', app)).toEqual(['launchd starts all at once: web waits for nothing']);
    expect([...leftOut('systemd', app), ...leftOut('upstart', app)]).toEqual([]);
  });
});
