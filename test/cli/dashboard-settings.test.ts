import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parseArguments } from '../../src/cli/arguments.ts';
import { dashboardSettings } from '../../src/cli/dashboard-settings.ts';
import { syntax } from '../../src/cli/syntax.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clusterctl-settings-'));
  mkdirSync(join(folder, 'clusterctl'));
  vi.stubEnv('XDG_CONFIG_HOME', folder);
  for (const name of ['NO_COLOR', 'FORCE_COLOR', 'COLORFGBG']) vi.stubEnv(name, undefined);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

const user = (text: string) => writeFileSync(join(folder, 'clusterctl', 'config.yaml'), text);

function settings(
  wishes: Partial<Parameters<typeof dashboardSettings>[0]> = {},
  flags: readonly string[] = ['--color'],
) {
  const parsed = parseArguments(syntax, ['start', ...flags]);
  if (!parsed.ok) throw new Error(parsed.error);
  return dashboardSettings({ theme: null, keys: {}, ...wishes }, parsed.value.values);
}

describe('settings of the dashboard', () => {
  it('are dark and the default keys, where nobody says anything', async () => {
    const made = await settings();
    expect(made.ok ? [made.value.theme, made.value.keymap.bindingOf('k')] : made.error).toEqual(['dark', 'kill']);
  });

  it("come from the user's own file, and over that from the run's", async () => {
    user('theme: light\nkeys: { kill: f2, pause: f3 }\n');
    const own = await settings();
    expect(own.ok ? [own.value.theme, own.value.keymap.keysOf('kill')] : own.error).toEqual(['light', ['f2']]);
    const made = await settings({ theme: 'colour-blind', keys: { kill: 'f4' } });
    expect(made.ok ? made.value.theme : made.error).toBe('colour-blind');
    expect(made.ok ? ['kill', 'pause'].map((name) => made.value.keymap.keysOf(name as 'kill')) : []).toEqual([
      ['f4'],
      ['f3'],
    ]);
  });

  it('take a key of the run from what has it in the own file, and say so where nothing is left', async () => {
    user('keys: { kill: x, quit: q }\n');
    const made = await settings({ keys: { pause: 'x' } });
    expect(made.ok ? [made.value.keymap.bindingOf('x'), made.value.keymap.keysOf('kill')] : made.error).toEqual([
      'pause',
      [],
    ]);
    expect(await settings({ keys: { pause: 'q' } })).toEqual({
      ok: false,
      error: 'keys: nothing would quit any more: give quit a key',
    });
  });

  it('are mono without colours', async () => {
    expect(await settings({ theme: 'dark' }, ['--color=never'])).toMatchObject({ value: { theme: 'mono' } });
    vi.stubEnv('NO_COLOR', '1');
    expect(await settings({ theme: 'dark' }, [])).toMatchObject({ value: { theme: 'mono' } });
  });

  it('are light where the terminal says that its background is', async () => {
    vi.stubEnv('COLORFGBG', '0;15');
    expect(await settings()).toMatchObject({ value: { theme: 'light' } });
  });

  it.each([
    ['theme: pink\n', /config\.yaml:1:8: theme: expected dark, light, colour-blind or mono/],
    ['keys: { kill: 1 }\n', /config\.yaml:1:15: keys\.kill: expected a key or a list of keys/],
    ['keys: { kill: [1] }\n', /config\.yaml:1:16: keys\.kill\.0: expected a key/],
    ['colours: 3\n', /config\.yaml:1:1: unknown key colours/],
    ['theme: [\n', /config\.yaml:\d:\d: /],
    ['keys: { kil: x }\n', /config\.yaml:1:9: keys: there is nothing called kil \(did you mean kill\?\)/],
    ['theme: dark\nkeys:\n  kill: x\n  pause: [p, x]\n', /config\.yaml:4:14: keys: x cannot be both kill and pause$/],
  ])('say what is wrong with %j', async (text, problem) => {
    user(text);
    const made = await settings();
    expect(made.ok ? '' : made.error).toMatch(problem);
  });
});
