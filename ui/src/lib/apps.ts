/** Runtimes and workspaces in words. */
import type { Place, Schedule, Status, Upgraded, Workspace } from 'tauri-plugin-refit-api'
import { moment } from './words'

/** What a runtime is called: its package, and its name where it has one of its own. */
export function appTitle({ app }: Status): string {
  return app.name === 'main' ? app.package : `${app.package} (${app.name})`
}

/** What runs. */
export function installedWords({ running, phase }: Status): string {
  if (running !== null) return running.version
  return phase === 'starting' || phase === 'restarting' ? `${phase}…` : 'none is running'
}

/** What could run, as far as is known. This is a page that a person opens to look. */
export function availableWords({ running, staged, progress, lastCheck, rollout }: Status): string {
  if (progress !== null) return `${progress.version}, on its way`
  if (staged !== null) {
    return staged.blocked === null
      ? `${staged.version}, ready`
      : `${staged.version}, not for this app now`
  }
  if (lastCheck === null) return 'not looked for yet'
  const version = lastCheck.version ?? rollout?.version ?? null
  if (version === null || version === running?.version) {
    return lastCheck.error === null ? 'none newer' : 'not known: the last check failed'
  }
  switch (lastCheck.decision) {
    case 'stage':
      return version
    case 'hold':
      return `${version}, not for this app now`
    default:
      return lastCheck.error === null ? 'none newer' : 'not known: the last check failed'
  }
}

const STATES: Record<Workspace['state'], string> = {
  starting: 'Starting…',
  running: 'Running',
  restarting: 'Restarting…',
  dead: 'Dead: nothing runs here',
  stopped: 'Stopped',
}

export function stateWords(state: Workspace['state']): string {
  return STATES[state]
}

/** What is muted below a workspace's title. */
export function versionWords({ version }: Workspace): string {
  return version === null ? 'no version' : `version ${version}`
}

export function scheduleWords({ every, path, lastAt, lastOk }: Schedule): string {
  const last =
    lastAt === null ? 'not called yet' : `${lastOk === false ? 'failed' : 'answered'} on ${moment(lastAt)}`
  return `${path} every ${every}: ${last}`
}

/** What an upgrade did in each workspace. */
export function upgradeLines({ workspaces }: Upgraded): { name: string; words: string; bad: boolean }[] {
  return workspaces.map(({ name, from, to, state, detail }) => {
    const why = detail === null || detail === '' ? '' : `: ${detail}`
    if (state === 'dead') return { name, words: `${name} is dead${why}`, bad: true }
    if (to === null) return { name, words: `${name}: ${STATES[state]}${why}`, bad: false }
    const words =
      from === null
        ? `${name} runs version ${to}`
        : from === to
          ? `${name} still runs version ${to}`
          : `${name} went from version ${from} to version ${to}`
    return { name, words: `${words}${why}`, bad: false }
  })
}

/** What changed from one list of workspaces to the next, for whoever cannot see it. */
export function workspaceNews(before: Workspace[], after: Workspace[]): string {
  const old = new Map(before.map((it) => [it.name, it]))
  const news = after.flatMap((it) => {
    const was = old.get(it.name)
    if (was === undefined) return [`Workspace ${it.name} was added.`]
    if (was.state === it.state && was.version === it.version) return []
    if (it.state === 'dead') {
      return [`Workspace ${it.name} is dead${it.detail === null ? '' : `: ${it.detail}`}.`]
    }
    if (it.state === 'running') return [`Workspace ${it.name} runs ${versionWords(it)}.`]
    return was.state === it.state ? [] : [`Workspace ${it.name}: ${STATES[it.state]}`]
  })
  const names = new Set(after.map(({ name }) => name))
  const gone = before.filter(({ name }) => !names.has(name))
  return [...news, ...gone.map(({ name }) => `Workspace ${name} was removed.`)].join(' ')
}

/** Why a name is none for a new workspace; null where it is one. */
export function nameProblem(name: string, taken: Workspace[]): string | null {
  if (name === '') return 'Give the workspace a name.'
  if (!/^[a-z0-9-]{1,40}$/.test(name)) return 'Use 1 to 40 small letters, digits and hyphens.'
  return taken.some((it) => it.name === name) ? `There is a workspace ${name} already.` : null
}

/** Every workspace that there is. A runtime that lists none has one. */
export function listed(status: Status): Workspace[] {
  if (status.workspaces.length > 0) return status.workspaces
  const { running, phase } = status
  const state =
    running !== null ? 'running' : phase === 'failed' ? 'dead' : phase === 'running' ? 'stopped' : phase
  return [
    {
      name: 'main',
      folder: '',
      state,
      version: running?.version ?? null,
      url: running?.url ?? null,
      launchId: running?.launchId ?? null,
      since: running?.since ?? null,
      detail: status.failure?.message ?? null,
      schedules: [],
    },
  ]
}

export function isShown(shown: Place, app: string, workspace: string): boolean {
  return shown.app === app && shown.workspace === workspace
}
