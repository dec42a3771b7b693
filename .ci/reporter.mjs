// A vitest reporter for .ci/run: writes every test's result, one JSON object a line, to the file that CI_RESULTS names.
// A file that could not be loaded, or a hook that failed, is a result of its own, so that it can't pass unseen.
import { writeFileSync } from 'node:fs';

const firstLines = (errors) => errors.map(({ message }) => message.split('\n').slice(0, 12).join('\n')).join('\n');

export default class ResultsReporter {
  onTestRunEnd(modules, unhandledErrors) {
    const results = [];
    const add = (file, name, state, errors = []) =>
      results.push(JSON.stringify({ file, name, state, message: firstLines(errors) }));
    for (const module of modules) {
      const file = module.relativeModuleId;
      const suites = [module, ...module.children.allSuites()];
      for (const suite of suites) {
        const errors = suite.errors();
        if (errors.length > 0) add(file, `${suite.fullName ?? ''} (load or hooks)`, 'failed', errors);
      }
      for (const test of module.children.allTests()) {
        const { state, errors } = test.result();
        add(file, test.fullName, state === 'pending' ? 'failed' : state, errors);
      }
    }
    for (const error of unhandledErrors) add('', `unhandled: ${error.message.split('\n')[0]}`, 'failed', [error]);
    writeFileSync(process.env.CI_RESULTS, `${results.join('\n')}\n`);
  }
}
