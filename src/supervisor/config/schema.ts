/** What may stand in `clusterctl.yaml`. Loaded only where there is such a file: zod takes its time. */
import * as z from 'zod';
import { parseDuration } from '../../base/duration.ts';
import { maxRestartsMax } from '../restart-policy.ts';

const durationMaxMs = 24 * 60 * 60 * 1000;

function duration(description: string) {
  const error = 'expected a duration such as 150ms, 2s or 1m, at most 24h';
  return z
    .string({ error })
    .regex(/^(\d+(\.\d+)?(ms|s|m|h))+$/, { error, abort: true })
    .refine((text) => durationMs(text) <= durationMaxMs, { error })
    .describe(description);
}

/** Of a text that the schema has accepted. */
export function durationMs(text: string): number {
  const parsed = parseDuration(text);
  return parsed.ok ? Number(parsed.value / 1_000_000n) : Number.NaN;
}

function words(description: string, error: string) {
  return z.string({ error }).min(1, { error }).describe(description);
}

const portError = 'expected a port from 1 to 65535, or $PORT';
const port = z
  .union([z.int().min(1, { error: portError }).max(65_535, { error: portError }), z.literal('$PORT')], {
    error: portError,
  })
  .describe('Ready when this TCP port of the machine accepts connections');

const url = z
  .string({ error: 'expected an address such as http://127.0.0.1:$PORT/health, or a path such as /health' })
  .regex(/^(https?:\/\/[^/\s]+|\/)\S*$/, {
    error: 'expected an address such as http://127.0.0.1:$PORT/health, or a path such as /health',
  })
  .describe('Ready when this address answers; a path alone is asked for at the PORT of the process');

const pattern = z
  .string({ error: 'expected a regular expression' })
  .min(1, { error: 'expected a regular expression', abort: true })
  .refine(isPattern, { error: 'expected a regular expression as JavaScript has them' })
  .describe('Ready when a line of its output matches this regular expression');

const checks = ['port', 'http', 'log', 'exec'] as const;

const readyObject = z
  .strictObject({
    port: port.optional(),
    http: url.optional(),
    status: z
      .int({ error: 'expected an HTTP status such as 200' })
      .min(100, { error: 'expected an HTTP status such as 200' })
      .max(599, { error: 'expected an HTTP status such as 200' })
      .optional()
      .describe('With http: the status to wait for (default 200)'),
    log: pattern.optional(),
    exec: words('Ready when this command exits with 0', 'expected a command').optional(),
    interval: duration('From one look to the next (default 100ms, with exec 500ms)').optional(),
    timeout: duration('A look that takes longer has failed (default 1s, with exec 5s)').optional(),
  })
  .refine((ready) => checks.filter((check) => ready[check] !== undefined).length === 1, {
    error: `expected exactly one of ${checks.join(', ')}`,
  })
  .refine((ready) => ready.status === undefined || ready.http !== undefined, {
    path: ['status'],
    error: 'only http has a status',
  })
  .meta({ oneOf: checks.map((check) => ({ required: [check] })) });

const ready = z
  .union([z.enum(['started', 'finished', 'port']), readyObject], {
    error: 'expected started, finished, port, or a check such as { http: /health }',
  })
  .describe(
    'When the process is ready: once started, once finished with code 0, or by a check; port alone means its PORT. An etcd is ready when it knows a leader.',
  );

const whenError = 'expected no, on-failure or always';
const when = z.enum(['no', 'on-failure', 'always'], { error: whenError });

const restart = z
  .union(
    [
      when,
      z.strictObject({
        when: when.optional(),
        initial: duration('Before the first restart (default 100ms)').optional(),
        max: duration('The longest delay (default 30s)').optional(),
        factor: z
          .number({ error: 'expected a number from 1 to 100' })
          .min(1, { error: 'expected a number from 1 to 100' })
          .max(100, { error: 'expected a number from 1 to 100' })
          .optional()
          .describe('Each delay is this many times the one before (default 2)'),
        maxRestarts: z
          .int({ error: `expected a number from 0 to ${maxRestartsMax}` })
          .min(0, { error: `expected a number from 0 to ${maxRestartsMax}` })
          .max(maxRestartsMax, { error: `expected a number from 0 to ${maxRestartsMax}` })
          .optional()
          .describe('After more restarts within the window the process stays down (default 10)'),
        window: duration('How long a restart counts (default 5m)').optional(),
      }),
    ],
    { error: `${whenError}, or how: { when: on-failure, initial: 100ms }` },
  )
  .describe('Whether a process that ends by itself is started again (default no)');

const signalError = 'expected TERM, INT, HUP, QUIT, USR1 or USR2';
const names = ['TERM', 'INT', 'HUP', 'QUIT', 'USR1', 'USR2'] as const;
const stopSignal = z
  .enum([...names, ...names.map((name) => `SIG${name}` as const)], { error: signalError })
  .describe('Asks the process to end (default TERM)');

const env = z
  .record(
    z.string().regex(/^[^=\0]+$/, { error: 'expected the name of a variable' }),
    z.union([z.string(), z.number(), z.boolean()], { error: 'expected a text, a number, true or false' }),
    { error: 'expected variables, as in { LOG: debug }' },
  )
  .describe('Variables for the process, over those of env files and of the supervisor');

const pairError = 'cert and key belong together';
const pairRule = { dependentRequired: { cert: ['key'], key: ['cert'] } };
function isPair({ cert, key }: { readonly cert?: string | undefined; readonly key?: string | undefined }): boolean {
  return (cert === undefined) === (key === undefined);
}

const etcdFiles = {
  cacert: words(
    'PEM file: the member has to have a certificate of this authority (default: whose it is is not checked)',
    'expected a file',
  ).optional(),
  cert: words('PEM file: the client certificate for members that ask for one', 'expected a file').optional(),
  key: words('PEM file: the key of that certificate', 'expected a file').optional(),
};

const endpointError = 'expected an address such as https://127.0.0.1:2379, or unix://localhost:2379';
const endpoint = z
  .string({ error: endpointError })
  .regex(/^(?:https?|unixs?):\/\/[^/\s,]+\/?$/, { error: endpointError })
  .describe('Where clients reach it, if its command line does not say; makes any process an etcd');

const etcdError = 'expected how to ask it, as in { cert: client.crt, key: client.key }';
const etcdOfAll = z
  .strictObject(etcdFiles, { error: etcdError })
  .refine(isPair, { error: pairError })
  .meta({ description: 'How the supervisor asks etcds for their status', ...pairRule });
const etcdOfOne = z
  .strictObject({ endpoint: endpoint.optional(), ...etcdFiles }, { error: etcdError })
  .refine(isPair, { error: pairError })
  .meta({ description: 'How the supervisor asks this etcd for its status', ...pairRule });

const common = {
  ready: ready.optional(),
  restart: restart.optional(),
  stopSignal: stopSignal.optional(),
  grace: duration('From the stop signal to SIGKILL (default 10s)').optional(),
  env: env.optional(),
  cwd: words('The folder to run in, relative to this file', 'expected a folder').optional(),
};

const processSchema = z.strictObject(
  {
    ...common,
    etcd: etcdOfOne.optional(),
    dependsOn: z
      .array(words('The name of a process', 'expected the name of a process'), {
        error: 'expected names of processes, as in [db, etcd]',
      })
      .optional()
      .describe('Starts when these are ready'),
  },
  { error: 'expected settings, as in { restart: on-failure }' },
);

const defaultsSchema = z.strictObject(
  { ...common, etcd: etcdOfAll.optional() },
  { error: 'expected settings, as in { grace: 5s }' },
);

const keysError = 'expected a key or a list of keys, as in { kill: k, quit: [q, ctrl-c] }';

const dashboard = {
  theme: z
    .enum(['dark', 'light', 'colour-blind', 'mono'], { error: 'expected dark, light, colour-blind or mono' })
    .optional()
    .describe('Colours of the dashboard (default: dark, or light where the terminal says that it is)'),
  keys: z
    .record(z.string(), z.union([z.string(), z.array(z.string({ error: 'expected a key' }))], { error: keysError }), {
      error: keysError,
    })
    .optional()
    .describe('Keys of the dashboard by what they do'),
};

/** The user's own file, for all runs. */
export const userSchema = z.strictObject(dashboard, { error: 'expected `theme:` or `keys:`' });

export const configSchema = z
  .strictObject(
    {
      defaults: defaultsSchema.optional().describe('For all processes that say nothing else'),
      processes: z
        .record(z.string(), processSchema, { error: 'expected processes by their names in the Procfile' })
        .optional()
        .describe('By the name of an entry of the Procfile, or of an instance such as web.2 or etcd1'),
      ...dashboard,
    },
    { error: 'expected settings, as in { processes: { web: { restart: on-failure } } }' },
  )
  .meta({ title: 'clusterctl.yaml', description: 'How clusterctl runs the processes of the Procfile beside it' });

export type RawConfig = z.output<typeof configSchema>;
export type RawSettings = z.output<typeof processSchema>;

/** Keys that may stand in a place of the file, for the hint on an unknown one. */
export const knownKeys = {
  file: Object.keys(configSchema.shape),
  defaults: Object.keys(defaultsSchema.shape),
  process: Object.keys(processSchema.shape),
  etcd: Object.keys(etcdFiles),
  etcdOfProcess: ['endpoint', ...Object.keys(etcdFiles)],
};

function isPattern(text: string): boolean {
  try {
    new RegExp(text, 'u');
    return true;
  } catch {
    return false;
  }
}
