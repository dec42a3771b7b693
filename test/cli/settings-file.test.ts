import { describe, expect, it } from 'vitest';
import { parseSettings } from '../../src/cli/settings-file.ts';
import { formatProblem } from '../../src/supervisor/procfile/problem.ts';

function read(file: string, text: string) {
  const { settings, problems } = parseSettings(file, text);
  return {
    settings: settings.map(({ flag, value, line }) => [flag, value, line]),
    problems: problems.map(formatProblem),
  };
}

describe('a settings file', () => {
  it('of goreman sets the flags that it means', () => {
    const text = 'procfile: Procfile.dev\nport: 8556\nbaseport: 6000\n# x\nexit_on_error: true\nenvfiles: [a, b]\n';
    expect(read('.goreman', text)).toEqual({
      settings: [
        ['procfile', 'Procfile.dev', 1],
        ['rpc-port', 8556, 2],
        ['base-port', 6000, 3],
        ['exit-on-error', true, 5],
        ['env', 'a,b', 6],
      ],
      problems: [],
    });
  });
  it('of foreman means other things by the same words', () => {
    expect(read('.foreman', 'port: 6000\ntimeout: 3\ntimestamp: false\ncolor: true\n').settings).toEqual([
      ['base-port', 6000, 1],
      ['grace', 3000, 2],
      ['timestamps', false, 3],
      ['color', 'always', 4],
    ]);
  });
  it('may be empty', () => {
    for (const text of ['', '# nothing\n', '---\n']) expect(read('.goreman', text).problems).toEqual([]);
  });
  it('has every problem named with its place', () => {
    expect(read('.goreman', 'procfil: x\nargs: [a]\n  \nbaseport: many\nport: {a: 1}\n')).toEqual({
      settings: [],
      problems: [
        '.goreman:1:1: warning: unknown setting procfil is ignored: did you mean procfile?',
        '.goreman:2:1: warning: args has no effect here',
        '.goreman:4:11: baseport: expected a port number',
        '.goreman:5:1: port: expected one value',
      ],
    });
    expect(read('.foreman', '- a\n').problems).toEqual([
      '.foreman:1:1: expected lines such as `procfile: Procfile.dev`',
    ]);
    expect(read('.foreman', 'port: "1\n').problems[0]).toMatch(/^\.foreman:\d+:\d+: /);
  });
});
