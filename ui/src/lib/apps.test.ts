import type { LastCheck, Status } from 'tauri-plugin-refit-api'
import { expect, test } from 'vitest'
import {
  STAGED,
  aRollout,
  aStatus,
  aWorkspace,
} from '../../../crates/tauri-plugin-refit/guest-js/banner/fixture'
import {
  appTitle,
  availableWords,
  installedWords,
  listed,
  nameProblem,
  scheduleWords,
  upgradeLines,
  versionWords,
  workspaceNews,
} from './apps'

const found = (news: Partial<LastCheck>): LastCheck => ({
  at: '2026-06-12T08:00:00Z',
  by: 'timer',
  decision: 'none',
  version: null,
  reason: 'not-newer',
  message: '',
  error: null,
  fromManifest: false,
  bypassed: false,
  ...news,
})
const available = (news: Partial<Status>): string => availableWords(aStatus(news))

test('what is available is told from the surest source there is', () => {
  expect(available({})).toBe('not looked for yet')
  expect(available({ lastCheck: found({}) })).toBe('none newer')
  expect(available({ lastCheck: found({ version: '1.0.0' }) })).toBe('none newer')
  expect(available({ lastCheck: found({ decision: 'stage', version: '1.1.0' }) })).toBe('1.1.0')
  expect(available({ lastCheck: found({ decision: 'hold', version: '1.2.0' }) })).toBe(
    '1.2.0, not for this app now',
  )
  const error = { kind: 'network', message: 'x', hint: '' }
  expect(available({ lastCheck: found({ decision: null, error }) })).toContain('not known')
  expect(available({ lastCheck: found({ decision: null, error }), rollout: aRollout() })).toContain(
    'not known',
  )
  expect(available({ staged: STAGED })).toBe('1.1.0, ready')
  const blocked = { reason: 'recalled' as const, message: 'x' }
  expect(available({ staged: { ...STAGED, blocked } })).toBe('1.1.0, not for this app now')
  const progress = { version: '1.3.0', phase: 'downloading' as const, bytes: 1, total: 2 }
  expect(available({ staged: STAGED, progress })).toBe('1.3.0, on its way')
})

test('a runtime is called by its package, and what runs by its version', () => {
  expect(appTitle(aStatus())).toBe('kanban')
  expect(appTitle(aStatus({ app: { name: 'two', package: 'kanban' } }))).toBe('kanban (two)')
  expect(installedWords(aStatus())).toBe('1.0.0')
  expect(installedWords(aStatus({ running: null, phase: 'starting' }))).toBe('starting…')
  expect(installedWords(aStatus({ running: null, phase: 'failed' }))).toBe('none is running')
})

test('an upgrade is told workspace by workspace, and a dead one by name', () => {
  const one = (name: string, from: string | null, to: string | null, detail: string | null = null) => ({
    name,
    from,
    to,
    detail,
    state: to === null ? ('dead' as const) : ('running' as const),
  })
  const workspaces = [
    one('main', '1.0.0', '1.1.0'),
    one('b', '1.0.0', null, 'exited with code 1'),
    one('c', null, '1.1.0'),
    one('d', '1.1.0', '1.1.0'),
  ]
  const lines = upgradeLines({ from: '1.0.0', to: '1.1.0', outcome: 'upgraded', reason: '', workspaces })
  expect(lines.map(({ words }) => words)).toEqual([
    'main went from version 1.0.0 to version 1.1.0',
    'b is dead: exited with code 1',
    'c runs version 1.1.0',
    'd still runs version 1.1.0',
  ])
  expect(lines.map(({ bad }) => bad)).toEqual([false, true, false, false])
})

test('what changed between two lists is told, and nothing else', () => {
  const main = aWorkspace()
  const b = aWorkspace({ name: 'b' })
  expect(workspaceNews([main], [main])).toBe('')
  expect(workspaceNews([main], [main, b])).toBe('Workspace b was added.')
  expect(workspaceNews([main, b], [main])).toBe('Workspace b was removed.')
  const dead = { ...b, state: 'dead' as const, detail: 'exited' }
  expect(workspaceNews([b], [dead])).toBe('Workspace b is dead: exited.')
  expect(workspaceNews([b], [{ ...b, state: 'restarting' }])).toBe('Workspace b: Restarting…')
  expect(workspaceNews([b], [{ ...b, version: '1.1.0' }])).toBe('Workspace b runs version 1.1.0.')
})

test('a name that is none is refused with what is wanted', () => {
  const taken = [aWorkspace(), aWorkspace({ name: 'b' })]
  expect(nameProblem('board-2', taken)).toBeNull()
  expect(nameProblem('', taken)).toContain('Give')
  expect(nameProblem('b', taken)).toContain('already')
  for (const wrong of ['B', 'a b', '../x', 'ä', 'a'.repeat(41)]) {
    expect(nameProblem(wrong, taken), wrong).toContain('small letters')
  }
})

test('a runtime without a list has one workspace', () => {
  const states = (news: Partial<Status>) => listed(aStatus(news)).map(({ state }) => state)
  expect(states({})).toEqual(['running'])
  expect(states({ running: null, phase: 'failed' })).toEqual(['dead'])
  expect(states({ running: null, phase: 'restarting' })).toEqual(['restarting'])
  const workspaces = [aWorkspace(), aWorkspace({ name: 'b' })]
  expect(listed(aStatus({ workspaces }))).toEqual(workspaces)
})

test('a timed call says whether it was answered', () => {
  const schedule = { every: '5m', path: '/tick', lastAt: null, lastOk: null }
  expect(scheduleWords(schedule)).toBe('/tick every 5m: not called yet')
  const called = { ...schedule, lastAt: '2026-06-12T08:00:00Z' }
  expect(scheduleWords({ ...called, lastOk: true })).toContain('answered on')
  expect(scheduleWords({ ...called, lastOk: false })).toContain('failed on')
  expect(versionWords(aWorkspace({ version: null }))).toBe('no version')
})
