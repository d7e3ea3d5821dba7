/**
 * Every setting of the daemon in one table: its flag, environment variable, key in the configuration file,
 * default, parser and documentation. docs/configuration.md is tested against it.
 *
 * A flag wins over the environment, that over the file, that over the default. `--state DIR` puts the
 * control socket and the mounts beneath DIR too, unless they are set themselves. This is the one file that
 * reads process.env; what is no setting of ours (systemd's and npm's variables) is handed out by `surroundings`.
 */
import { statSync } from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { Fault } from './errors.ts'
import type { Purpose } from './path-walk.ts'
import { parseListen, type ListenAddress } from './listen-address.ts'
import {
  choiceSetting,
  domainsSetting,
  durationSetting,
  networksSetting,
  pathSetting,
  switchSetting,
  urlSetting,
  userSetting,
  wholeSetting,
} from './setting-values.ts'
import { readOurFile } from './trusted-path.ts'

/** What a default may depend on. */
export interface Surroundings {
  readonly root: boolean
  readonly home: string
  /** Relative paths of flags and of the environment count from here: npm's INIT_CWD, or else the cwd. */
  readonly cwd: string
  readonly xdgStateHome: string | undefined
  readonly xdgRuntimeDir: string | undefined
  readonly xdgConfigHome: string | undefined
}

type DefaultFor<T> = T | ((place: Surroundings, stateDir: string | undefined) => T)

interface Setting<T> {
  /** Without the leading dashes. */
  readonly flag: string
  readonly env: string
  /** In the configuration file, a JSON object. */
  readonly key: string
  readonly default: DefaultFor<T>
  /** The default as the documentation says it, where it depends on something. */
  readonly defaultText?: string
  /** Text from a flag or the environment, or a JSON value of the file. Throws InvalidSetting. */
  readonly parse: (value: unknown, cwd: string) => T
  /** A flag that needs no value: its presence means true. */
  readonly isSwitch?: boolean
  readonly doc: string
}

const setting = <T>(row: Setting<T>): Setting<T> => row
const beneath =
  (name: string, otherwise: (place: Surroundings) => string) =>
  (place: Surroundings, stateDir: string | undefined) =>
    stateDir === undefined ? otherwise(place) : join(stateDir, name)

const KiB = 1024
const MiB = 1024 * KiB
const GiB = 1024 * MiB
const hour = 3_600_000

export const settings = {
  state: setting({
    flag: 'state',
    env: 'TWOFOLD_STATE',
    key: 'state',
    parse: pathSetting,
    default: (place) =>
      place.root
        ? '/var/lib/twofold'
        : join(place.xdgStateHome ?? join(place.home, '.local/state'), 'twofold'),
    defaultText: '/var/lib/twofold; not root: $XDG_STATE_HOME/twofold (~/.local/state/twofold)',
    doc: 'Where the records, the keyring and the managed disks are. Setting it puts the control socket and the mounts beneath it too.',
  }),
  controlSocket: setting({
    flag: 'control-socket',
    env: 'TWOFOLD_CONTROL_SOCKET',
    key: 'controlSocket',
    parse: pathSetting,
    default: beneath('control.sock', (place) =>
      place.root
        ? '/run/twofold/control.sock'
        : join(place.xdgRuntimeDir ?? join(place.home, '.local/state'), 'twofold/control.sock'),
    ),
    defaultText:
      '/run/twofold/control.sock; not root: $XDG_RUNTIME_DIR/twofold/control.sock (unset: ~/.local/state/twofold/control.sock); STATE/control.sock',
    doc: 'The unix socket of the control API, mode 0600: whoever can open it commands the daemon. At most 107 bytes.',
  }),
  mounts: setting({
    flag: 'mounts',
    env: 'TWOFOLD_MOUNTS',
    key: 'mounts',
    parse: pathSetting,
    default: beneath('mounts', (place) => (place.root ? '/mnt/twofold' : join(place.home, 'twofold'))),
    defaultText: '/mnt/twofold; not root: ~/twofold; STATE/mounts',
    doc: 'The directory that holds the mount points of disks that name none themselves.',
  }),
  listen: setting({
    flag: 'listen',
    env: 'TWOFOLD_LISTEN',
    key: 'listen',
    parse: parseListen,
    default: { host: '127.0.0.1', port: 9010 },
    defaultText: '127.0.0.1:9010',
    doc: 'Where the S3 door listens, HOST:PORT. Port 0 takes any free one.',
  }),
  metricsListen: setting<ListenAddress | null>({
    flag: 'metrics-listen',
    env: 'TWOFOLD_METRICS_LISTEN',
    key: 'metricsListen',
    parse: parseListen,
    default: null,
    defaultText: 'none',
    doc: 'Where GET /metrics answers Prometheus, HOST:PORT. It asks for no password, and names disks and buckets.',
  }),
  allowedHosts: setting<readonly string[]>({
    flag: 'allowed-hosts',
    env: 'TWOFOLD_ALLOWED_HOSTS',
    key: 'allowedHosts',
    parse: domainsSetting,
    default: [],
    defaultText: 'none',
    doc: 'Names by which the metrics and the control API may be asked, besides addresses and localhost, separated by commas. Any other Host is refused, since it may be that of a page in a browser.',
  }),
  expose: setting({
    flag: 'expose',
    env: 'TWOFOLD_EXPOSE',
    key: 'expose',
    parse: switchSetting,
    isSwitch: true,
    default: false,
    doc: 'Allow an address that is not loopback. What passes there is plain HTTP: put TLS in front of it.',
  }),
  publicUrl: setting<string | null>({
    flag: 'public-url',
    env: 'TWOFOLD_PUBLIC_URL',
    key: 'publicUrl',
    parse: urlSetting,
    default: null,
    defaultText: 'http:// and the address that the S3 door listens on',
    doc: 'The URL that links are built on, as others reach the S3 door.',
  }),
  domains: setting<readonly string[]>({
    flag: 'domains',
    env: 'TWOFOLD_DOMAINS',
    key: 'domains',
    parse: domainsSetting,
    default: [],
    defaultText: 'none',
    doc: 'Domains whose subdomains are buckets (virtual-host style), separated by commas.',
  }),
  workers: setting({
    flag: 'workers',
    env: 'TWOFOLD_WORKERS',
    key: 'workers',
    parse: wholeSetting(1, 64),
    default: 2,
    doc: 'S3 worker processes that share the listening socket.',
  }),
  workerUser: setting<string | null>({
    flag: 'worker-user',
    env: 'TWOFOLD_WORKER_USER',
    key: 'workerUser',
    parse: userSetting,
    default: null,
    defaultText: 'the account twofold-s3, or else 61010',
    doc: "Whom the S3 workers of root's daemon run as: an account of /etc/passwd, or UID[:GID]. Nothing else should.",
  }),
  engine: setting<'auto' | 'kernel' | 'fuse-native'>({
    flag: 'engine',
    env: 'TWOFOLD_ENGINE',
    key: 'engine',
    parse: choiceSetting('auto', 'kernel', 'fuse-native'),
    default: 'auto',
    doc: 'What speaks FUSE: kernel (our own), fuse-native (the npm package), or auto: the best that this machine can run.',
  }),
  allowOther: setting<'auto' | 'yes' | 'no'>({
    flag: 'allow-other',
    env: 'TWOFOLD_ALLOW_OTHER',
    key: 'allowOther',
    parse: choiceSetting('auto', 'yes', 'no'),
    default: 'auto',
    doc: 'Whether users other than the daemon see the mounts, with permissions checked by the kernel. auto: yes when root.',
  }),
  attributeTimeout: setting({
    flag: 'attribute-timeout',
    env: 'TWOFOLD_ATTRIBUTE_TIMEOUT',
    key: 'attributeTimeout',
    parse: durationSetting(0, hour),
    default: 1000,
    defaultText: '1s',
    doc: 'How late a mount may show what changed on the host. 0 asks anew each time. The engine fuse-native always does.',
  }),
  birthTimes: setting<'on' | 'off'>({
    flag: 'birth-times',
    env: 'TWOFOLD_BIRTH_TIMES',
    key: 'birthTimes',
    parse: choiceSetting('on', 'off'),
    default: 'on',
    doc: 'on: a mount shows when files were made. off: it does not, and programs that ask for it with every stat, as Node and Rust do, wait once and not twice.',
  }),
  passthrough: setting<'auto' | 'off'>({
    flag: 'passthrough',
    env: 'TWOFOLD_PASSTHROUGH',
    key: 'passthrough',
    parse: choiceSetting('auto', 'off'),
    default: 'auto',
    doc: 'auto: reads and writes of a mount go to the file straight, where kernel and host can. off: all come by the daemon, and are counted.',
  }),
  locks: setting<'mount' | 'host'>({
    flag: 'locks',
    env: 'TWOFOLD_LOCKS',
    key: 'locks',
    parse: choiceSetting('mount', 'host'),
    default: 'mount',
    doc: 'Whom locks taken in a mount keep out. mount: others in that mount. host: programs in the directory too, which the engine fuse-native can not.',
  }),
  mountThreads: setting({
    flag: 'mount-threads',
    env: 'TWOFOLD_MOUNT_THREADS',
    key: 'mountThreads',
    parse: wholeSetting(1, 64),
    default: 4,
    doc: 'Threads of a mount that may wait for the disk while another serves on; they are started as they are needed. The engine fuse-native has none.',
  }),
  mountHandles: setting({
    flag: 'mount-handles',
    env: 'TWOFOLD_MOUNT_HANDLES',
    key: 'mountHandles',
    parse: wholeSetting(0, 1_000_000),
    default: 0,
    doc: 'Files and directories that one user of a mount, root and the user of the daemon apart, may have open in it. 0: a quarter of what is left of the open-file limit, 3,079 of 20,000. The engine fuse-native does not know who asks.',
  }),
  mountTrace: setting<'on' | 'off'>({
    flag: 'mount-trace',
    env: 'TWOFOLD_MOUNT_TRACE',
    key: 'mountTrace',
    parse: choiceSetting('on', 'off'),
    default: 'off',
    doc: 'on: each request of a mount and its answer as a line on stderr. Names of files are in it.',
  }),
  logLevel: setting<'debug' | 'info' | 'warn' | 'error'>({
    flag: 'log-level',
    env: 'TWOFOLD_LOG_LEVEL',
    key: 'logLevel',
    parse: choiceSetting('debug', 'info', 'warn', 'error'),
    default: 'info',
    doc: 'The least that is logged. Requests are logged at info.',
  }),
  logFormat: setting<'auto' | 'json' | 'text'>({
    flag: 'log-format',
    env: 'TWOFOLD_LOG_FORMAT',
    key: 'logFormat',
    parse: choiceSetting('auto', 'json', 'text'),
    default: 'auto',
    doc: 'Lines on stderr: json, or text for people. auto: text on a terminal.',
  }),
  maxConnections: setting({
    flag: 'max-connections',
    env: 'TWOFOLD_MAX_CONNECTIONS',
    key: 'maxConnections',
    parse: wholeSetting(1, 100_000),
    default: 4096,
    doc: 'Open connections of each S3 worker. One more closes the one that was idle for longest, or gets SlowDown (503) where none is idle.',
  }),
  maxRequests: setting({
    flag: 'max-requests',
    env: 'TWOFOLD_MAX_REQUESTS',
    key: 'maxRequests',
    parse: wholeSetting(1, 100_000),
    default: 1024,
    doc: 'Requests that each S3 worker answers at one time, share links among them; more get SlowDown (503).',
  }),
  maxPerAddress: setting({
    flag: 'max-per-address',
    env: 'TWOFOLD_MAX_PER_ADDRESS',
    key: 'maxPerAddress',
    parse: wholeSetting(1, 100),
    default: 75,
    doc: 'Percent of each of these that one client address may have (of IPv6, one network of 64 bits) while it is alone; less beside others, and of the last eighth only one in 128, so that some is always free. 100: no such limit.',
  }),
  maxPerKey: setting({
    flag: 'max-per-key',
    env: 'TWOFOLD_MAX_PER_KEY',
    key: 'maxPerKey',
    parse: wholeSetting(1, 100),
    default: 50,
    doc: 'The same of one access key, for requests.',
  }),
  maxPerLink: setting({
    flag: 'max-per-link',
    env: 'TWOFOLD_MAX_PER_LINK',
    key: 'maxPerLink',
    parse: wholeSetting(1, 100),
    default: 33,
    doc: 'The same of one share link, for requests.',
  }),
  leastRate: setting({
    flag: 'least-rate',
    env: 'TWOFOLD_LEAST_RATE',
    key: 'leastRate',
    parse: wholeSetting(0, GiB, true),
    default: 8 * KiB,
    defaultText: '8k',
    doc: 'Bytes a second, below which a client that takes an answer or sends a body is slow. It loses its connection when somebody is refused for the place that it holds, or when three quarters of max-requests are taken. 0: nobody is.',
  }),
  leastRateTime: setting({
    flag: 'least-rate-time',
    env: 'TWOFOLD_LEAST_RATE_TIME',
    key: 'leastRateTime',
    parse: durationSetting(100, hour),
    default: 30_000,
    defaultText: '30s',
    doc: 'Time over which that rate is taken.',
  }),
  trustedProxies: setting<readonly string[]>({
    flag: 'trusted-proxies',
    env: 'TWOFOLD_TRUSTED_PROXIES',
    key: 'trustedProxies',
    parse: networksSetting,
    default: [],
    defaultText: 'none',
    doc: "Addresses and networks (10.0.0.0/8) of proxies before the S3 door, separated by commas. From them the client's address is the last one in X-Forwarded-For that is none of theirs; from anybody else that header counts for nothing.",
  }),
  maxHeaderBytes: setting({
    flag: 'max-header-bytes',
    env: 'TWOFOLD_MAX_HEADER_BYTES',
    key: 'maxHeaderBytes',
    parse: wholeSetting(4 * KiB, MiB, true),
    default: 16 * KiB,
    defaultText: '16k',
    doc: 'Bytes of request line and headers together; more get RequestHeaderSectionTooLarge (431).',
  }),
  maxBodyBytes: setting({
    flag: 'max-body-bytes',
    env: 'TWOFOLD_MAX_BODY_BYTES',
    key: 'maxBodyBytes',
    parse: wholeSetting(KiB, 64 * MiB, true),
    default: MiB,
    defaultText: '1M',
    doc: 'Bytes of a request body that is no object: XML of S3, JSON of the control API.',
  }),
  headersTimeout: setting({
    flag: 'headers-timeout',
    env: 'TWOFOLD_HEADERS_TIMEOUT',
    key: 'headersTimeout',
    parse: durationSetting(100, hour),
    default: 10_000,
    defaultText: '10s',
    doc: 'Time for a request to send its headers; later gets RequestTimeout (408).',
  }),
  idleTimeout: setting({
    flag: 'idle-timeout',
    env: 'TWOFOLD_IDLE_TIMEOUT',
    key: 'idleTimeout',
    parse: durationSetting(100, 24 * hour),
    default: 60_000,
    defaultText: '60s',
    doc: 'Time that a connection may move no byte in the middle of a request or answer before it is closed.',
  }),
  keepAliveTimeout: setting({
    flag: 'keep-alive-timeout',
    env: 'TWOFOLD_KEEP_ALIVE_TIMEOUT',
    key: 'keepAliveTimeout',
    parse: durationSetting(100, 24 * hour),
    default: 75_000,
    defaultText: '75s',
    doc: 'Time that a connection may wait for its next request.',
  }),
  answerTimeout: setting({
    flag: 'answer-timeout',
    env: 'TWOFOLD_ANSWER_TIMEOUT',
    key: 'answerTimeout',
    parse: durationSetting(100, hour),
    default: 10_000,
    defaultText: '10s',
    doc: 'Time that a disk on a FUSE or network file system gets for the first bytes of an answer over S3; later is 503, and so is each further request at once until it answers.',
  }),
  drainTimeout: setting({
    flag: 'drain-timeout',
    env: 'TWOFOLD_DRAIN_TIMEOUT',
    key: 'drainTimeout',
    parse: durationSetting(0, hour),
    default: 10_000,
    defaultText: '10s',
    doc: 'Time that running requests get to end when the daemon stops.',
  }),
  listingCacheBytes: setting({
    flag: 'listing-cache-bytes',
    env: 'TWOFOLD_LISTING_CACHE_BYTES',
    key: 'listingCacheBytes',
    parse: wholeSetting(MiB, 64 * GiB, true),
    default: 128 * MiB,
    defaultText: '128M',
    doc: 'Memory of each S3 worker for the sorted names of directories.',
  }),
} satisfies Record<string, Setting<never> | { parse: unknown }>

type Settings = typeof settings
export type SettingName = keyof Settings
/** What the daemon runs with. JSON: it travels to every process over IPC. */
export type Config = { readonly [K in SettingName]: ReturnType<Settings[K]['parse']> }

export const settingNames = Object.keys(settings) as SettingName[]

/** Values as somebody wrote them: by setting name. */
export type Written = Readonly<Partial<Record<SettingName, unknown>>>

/**
 * The configuration of these sources. `configFile` is where an explicitly named or the default file was
 * read. Throws InvalidSetting, which names the source.
 */
export function resolveConfig(
  flags: Written,
  environment: Readonly<Record<string, string | undefined>>,
  file: Written,
  place: Surroundings,
): Config {
  const written = (name: SettingName): { value: unknown; source: string; cwd: string } | undefined => {
    const row = settings[name]
    if (flags[name] !== undefined) return { value: flags[name], source: `--${row.flag}`, cwd: place.cwd }
    const variable = environment[row.env]
    if (variable !== undefined && variable !== '') return { value: variable, source: row.env, cwd: place.cwd }
    if (file[name] !== undefined)
      return { value: file[name], source: `"${row.key}" of the configuration file`, cwd: '/' }
    return undefined
  }
  const stateDir = (() => {
    const state = written('state')
    return state === undefined ? undefined : pathSetting(state.value, state.cwd)
  })()
  const pick = <K extends SettingName>(name: K): Config[K] => {
    const row = settings[name] as unknown as Setting<Config[K]>
    const found = written(name)
    if (found === undefined) {
      const fallback = row.default
      return typeof fallback === 'function'
        ? (fallback as (place: Surroundings, stateDir: string | undefined) => Config[K])(place, stateDir)
        : fallback
    }
    try {
      return row.parse(found.value, found.cwd)
    } catch (thrown) {
      if (thrown instanceof Fault) throw new Fault('InvalidSetting', `${found.source}: ${thrown.message}`)
      throw thrown
    }
  }
  return Object.fromEntries(settingNames.map((name) => [name, pick(name)])) as unknown as Config
}

/** /etc/twofold/config.json, or not being root $XDG_CONFIG_HOME/twofold/config.json. */
export const defaultConfigFile = (place: Surroundings): string =>
  place.root
    ? '/etc/twofold/config.json'
    : join(place.xdgConfigHome ?? join(place.home, '.config'), 'twofold/config.json')

const configurationFile: Purpose = { what: 'the configuration file', how: 'with --config FILE' }

/**
 * What a configuration file sets. One that isn't there sets nothing unless it was asked for by name. Throws
 * InvalidSetting; Untrusted where others than root and we could write it.
 */
export function readConfigFile(file: string, mustExist: boolean): Written {
  let text: string
  try {
    statSync(file)
    text = readOurFile(file, configurationFile)
  } catch (thrown) {
    if (thrown instanceof Fault) throw thrown
    const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : String(thrown)
    if (!mustExist && (code === 'ENOENT' || code === 'ENOTDIR')) return {}
    throw new Fault('InvalidSetting', `the configuration file ${file} can't be read: ${code}`)
  }
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    throw new Fault('InvalidSetting', `the configuration file ${file} is not JSON`)
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new Fault('InvalidSetting', `the configuration file ${file} is not a JSON object`)
  }
  const byKey = new Map<string, SettingName>(settingNames.map((name) => [settings[name].key, name]))
  return Object.fromEntries(
    Object.entries(parsed).map(([key, value]) => {
      const name = byKey.get(key)
      if (name === undefined) throw new Fault('InvalidSetting', `${file}: there is no setting "${key}"`)
      return [name, value]
    }),
  )
}

/**
 * The configuration of this process: flags as the command line had them, `configFile` where it named one,
 * `defaults` where a command has others than the table.
 */
export function loadConfig(flags: Written, configFile?: string, defaults: Written = {}): Config {
  const place = currentPlace()
  const named = configFile ?? process.env.TWOFOLD_CONFIG
  const file = named === undefined ? defaultConfigFile(place) : resolve(place.cwd, named)
  return resolveConfig(
    flags,
    process.env,
    { ...defaults, ...readConfigFile(file, named !== undefined) },
    place,
  )
}

const absolute = (value: string | undefined) => (value !== undefined && isAbsolute(value) ? value : undefined)

export const currentPlace = (): Surroundings => ({
  root: process.getuid?.() === 0,
  home: homedir(),
  cwd: absolute(process.env.INIT_CWD) ?? process.cwd(),
  xdgStateHome: absolute(process.env.XDG_STATE_HOME),
  xdgRuntimeDir: absolute(process.env.XDG_RUNTIME_DIR),
  xdgConfigHome: absolute(process.env.XDG_CONFIG_HOME),
})

/** What systemd, the terminal and the shell tell a process, undefined where they say nothing. */
export const surroundings = (): Readonly<
  Record<
    'notifySocket' | 'watchdogUsec' | 'watchdogPid' | 'listenPid' | 'listenFds' | 'noColor' | 'path',
    string | undefined
  >
> => ({
  notifySocket: process.env.NOTIFY_SOCKET,
  watchdogUsec: process.env.WATCHDOG_USEC,
  watchdogPid: process.env.WATCHDOG_PID,
  listenPid: process.env.LISTEN_PID,
  listenFds: process.env.LISTEN_FDS,
  noColor: process.env.NO_COLOR,
  path: process.env.PATH,
})

/** The environment of our children: ours without what systemd meant for the primary alone. */
export function childEnvironment(): NodeJS.ProcessEnv {
  const { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID, LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES, ...rest } =
    process.env
  void [NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID, LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES]
  return rest
}

/** What a confined child may know of it: what Node and the C library heed, and none of what users keep there. */
export function confinedEnvironment(): NodeJS.ProcessEnv {
  const known = Object.entries(childEnvironment()).filter(([name]) =>
    /^(?:NODE_(?!EXTRA_CA_CERTS)|UV_|LC_|LANG$|TZ$|PATH$)/.test(name),
  )
  // One device may keep two of them (lib/tree/read.ts).
  return { UV_THREADPOOL_SIZE: '8', ...Object.fromEntries(known) }
}
