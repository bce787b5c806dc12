// @vitest-environment jsdom
import { clearMocks, mockIPC } from '@tauri-apps/api/mocks'
import { afterEach, expect, test, vi } from 'vitest'
import { FELL_BACK, aStatus, someApps } from './banner/fixture'
import {
  appCheck,
  appUpgrade,
  apply,
  check,
  history,
  logs,
  onApps,
  onRolledBack,
  onStatus,
  onUpdateStaged,
  retry,
  rollback,
  status,
  workspaceAdd,
  workspaceRemove,
  workspaceRestart,
  workspaceShow,
  workspaces,
} from './index'

/** Tauri's side: answers commands, keeps listeners, tells events. */
function tauri(answers: Record<string, unknown> = {}) {
  const asked: [string, unknown][] = []
  const listeners = new Map<number, { event: string; handler: number }>()
  let id = 0
  mockIPC((command, args) => {
    if (command === 'plugin:event|listen') {
      listeners.set(++id, args as { event: string; handler: number })
      return id
    }
    if (command === 'plugin:event|unlisten') {
      listeners.delete((args as { eventId: number }).eventId)
      return null
    }
    asked.push([command, args])
    const answer = answers[command]
    if (answer instanceof Error) throw JSON.parse(answer.message)
    return answer
  })
  Object.assign(window, {
    __TAURI_EVENT_PLUGIN_INTERNALS__: { unregisterListener: (_: string, _id: number) => undefined },
  })
  const internals = (window as never as Record<string, { runCallback(id: number, p: unknown): void }>)[
    '__TAURI_INTERNALS__'
  ]
  return {
    asked,
    count: () => listeners.size,
    tell(event: string, payload: unknown) {
      for (const [key, listener] of listeners) {
        if (listener.event === event) {
          internals?.runCallback(listener.handler, { event, id: key, payload })
        }
      }
    },
  }
}

afterEach(() => clearMocks())

test('every function asks for its own command', async () => {
  const { asked } = tauri({ 'plugin:refit|logs': '/logs' })
  await status()
  await check()
  await apply()
  await retry()
  await retry('1.2.0')
  await rollback()
  await rollback('1.0.0')
  await rollback(undefined, true)
  await history()
  expect(await logs()).toBe('/logs')
  await appCheck('main')
  await appUpgrade('main')
  await workspaces('main')
  await workspaceAdd('main', 'two')
  await workspaceRemove('main', 'two')
  await workspaceRestart('main', 'two')
  await workspaceShow('main', 'two')
  expect(asked).toEqual([
    ['plugin:refit|status', {}],
    ['plugin:refit|check', {}],
    ['plugin:refit|apply', {}],
    ['plugin:refit|retry', { version: null }],
    ['plugin:refit|retry', { version: '1.2.0' }],
    ['plugin:refit|rollback', { version: null, withData: false }],
    ['plugin:refit|rollback', { version: '1.0.0', withData: false }],
    ['plugin:refit|rollback', { version: null, withData: true }],
    ['plugin:refit|history', {}],
    ['plugin:refit|logs', {}],
    ['plugin:refit|app_check', { app: 'main' }],
    ['plugin:refit|app_upgrade', { app: 'main' }],
    ['plugin:refit|workspaces', { app: 'main' }],
    ['plugin:refit|workspace_add', { app: 'main', name: 'two' }],
    ['plugin:refit|workspace_remove', { app: 'main', name: 'two' }],
    ['plugin:refit|workspace_restart', { app: 'main', name: 'two' }],
    ['plugin:refit|workspace_show', { app: 'main', name: 'two' }],
  ])
})

test('a refusal is a problem with its next step', async () => {
  const problem = { kind: 'network', message: 'no answer', hint: 'Try later.' }
  tauri({ 'plugin:refit|check': new Error(JSON.stringify(problem)) })
  await expect(check()).rejects.toEqual(problem)
})

test('what Tauri itself refuses is a problem too', async () => {
  tauri({ 'plugin:refit|rollback': new Error('"refit.rollback not allowed"') })
  await expect(rollback()).rejects.toEqual({
    kind: 'error',
    message: 'refit.rollback not allowed',
    hint: '',
  })
})

test('a subscriber gets the status now, then newer ones, and never an older one', async () => {
  const shell = tauri({ 'plugin:refit|status': aStatus({ seq: 5 }) })
  const heard: number[] = []
  await onStatus(({ seq }) => heard.push(seq))
  shell.tell('refit://status', aStatus({ seq: 4 }))
  shell.tell('refit://status', aStatus({ seq: 5 }))
  shell.tell('refit://status', aStatus({ seq: 6 }))
  expect(heard).toEqual([5, 6])
})

test('detaching ends that one subscription and no other', async () => {
  const shell = tauri({ 'plugin:refit|status': aStatus({ seq: 1 }) })
  const one = vi.fn()
  const other = vi.fn()
  const detach = await onStatus(one)
  await onStatus(other)
  detach()
  detach()
  shell.tell('refit://status', aStatus({ seq: 2 }))
  expect(one).toHaveBeenCalledTimes(1)
  expect(other).toHaveBeenCalledTimes(2)
  await vi.waitFor(() => expect(shell.count()).toBe(1))
})

test('the same handler subscribed twice is two subscriptions', async () => {
  const shell = tauri()
  const handler = vi.fn()
  const detach = await onUpdateStaged(handler)
  await onUpdateStaged(handler)
  shell.tell('runtime:update-staged', { version: '1.1.0' })
  expect(handler).toHaveBeenCalledTimes(2)
  detach()
  shell.tell('runtime:update-staged', { version: '1.1.0' })
  expect(handler).toHaveBeenCalledTimes(3)
})

test('a roll back is heard with its reason', async () => {
  const shell = tauri()
  const handler = vi.fn()
  await onRolledBack(handler)
  const event = { version: FELL_BACK.to, reason: FELL_BACK.message }
  shell.tell('runtime:rolled-back', event)
  expect(handler).toHaveBeenCalledWith(event)
})

test('a subscription whose first status is refused leaves no listener behind', async () => {
  const shell = tauri({ 'plugin:refit|status': new Error('"refused"') })
  await expect(onStatus(vi.fn())).rejects.toMatchObject({ message: 'refused' })
  await vi.waitFor(() => expect(shell.count()).toBe(0))
})

test('statuses of another runtime are not mixed in, even where they come first', async () => {
  const other = { name: 'notes', package: 'notes' }
  let answer = (_: unknown): void => undefined
  const shell = tauri({ 'plugin:refit|status': new Promise((resolve) => (answer = resolve)) })
  const heard: string[] = []
  const attached = onStatus(({ app, seq }) => heard.push(`${app.name} ${seq}`))
  await vi.waitFor(() => expect(shell.count()).toBe(1))
  shell.tell('refit://status', aStatus({ seq: 90, app: other }))
  shell.tell('refit://status', aStatus({ seq: 3 }))
  shell.tell('refit://status', aStatus({ seq: 1 }))
  answer(aStatus({ seq: 2 }))
  await attached
  shell.tell('refit://status', aStatus({ seq: 91, app: other }))
  shell.tell('refit://status', aStatus({ seq: 4 }))
  expect(heard).toEqual(['main 2', 'main 3', 'main 4'])
})

test('what changed with the runtimes is asked for, once at a time, and never goes back', async () => {
  const answers: Record<string, unknown> = { 'plugin:refit|apps': someApps({ seq: 1 }) }
  const shell = tauri(answers)
  const heard: number[] = []
  const detach = await onApps(({ seq }) => heard.push(seq))
  answers['plugin:refit|apps'] = someApps({ seq: 3 })
  for (const seq of [1, 2, 3]) shell.tell('refit://apps', { seq })
  await vi.waitFor(() => expect(heard).toEqual([1, 3]))
  answers['plugin:refit|apps'] = someApps({ seq: 2 })
  shell.tell('refit://apps', { seq: 4 })
  await vi.waitFor(() => expect(shell.asked.length).toBeGreaterThan(3))
  expect(heard).toEqual([1, 3])
  detach()
  shell.tell('refit://apps', { seq: 9 })
  await vi.waitFor(() => expect(shell.count()).toBe(0))
  expect(heard).toEqual([1, 3])
})
