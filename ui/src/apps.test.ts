import type { Apps } from 'tauri-plugin-refit-api'
import { flushSync, mount, unmount } from 'svelte'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import {
  MANAGED,
  aStatus,
  aWorkspace,
  someApps,
} from '../../crates/tauri-plugin-refit/guest-js/banner/fixture'
import AppsPage from './apps/Apps.svelte'
import Start from './start/Start.svelte'

const api = vi.hoisted(() => ({
  tell: (_apps: unknown): void => undefined,
  tellStatus: (_status: unknown): void => undefined,
  appCheck: vi.fn(),
  appUpgrade: vi.fn(),
  workspaceAdd: vi.fn(),
  workspaceRemove: vi.fn(),
  workspaceRestart: vi.fn(),
  workspaceShow: vi.fn(),
}))

vi.mock('tauri-plugin-refit-api', async (original) => ({
  ...(await original<object>()),
  ...api,
  onApps: (handler: (apps: unknown) => void) => {
    api.tell = handler
    return Promise.resolve(() => undefined)
  },
  onStatus: (handler: (status: unknown) => void) => {
    api.tellStatus = handler
    return Promise.resolve(() => undefined)
  },
}))

const B = aWorkspace({ name: 'b', folder: '/data/workspaces/b', url: 'http://127.0.0.1:4322/' })
const withB = (b = B, news: Parameters<typeof aStatus>[0] = {}): Apps =>
  someApps({ apps: [aStatus({ workspaces: [aWorkspace(), b], ...news })] })

let page: ReturnType<typeof mount> | null = null

function open(apps: Apps): void {
  page = mount(AppsPage, { target: document.body })
  flushSync()
  tell(apps)
}

function tell(apps: Apps): void {
  api.tell(apps)
  flushSync()
}

const squeezed = (element: Element | null): string =>
  element?.textContent?.replace(/\s+/g, ' ').trim() ?? ''
const seen = (name: string, within: ParentNode = document): string =>
  squeezed(within.querySelector(`[data-refit=${name}]`))
function place(name: string): Element {
  const found = document.querySelector(`[data-refit=workspace][data-workspace=${name}]`)
  if (found === null) throw new Error(`no workspace ${name}`)
  return found
}
function button(action: string, within: ParentNode = document): HTMLButtonElement {
  const found = within.querySelector<HTMLButtonElement>(`button[data-action=${action}]`)
  if (found === null) throw new Error(`no button ${action} in ${squeezed(document.body)}`)
  return found
}

beforeEach(() => vi.clearAllMocks())

afterEach(async () => {
  if (page !== null) await unmount(page)
  page = null
  document.body.replaceChildren()
})

test('what this machine is, and each runtime with what is installed and available', () => {
  open(withB())
  expect(seen('os')).toBe('linux')
  expect(seen('arch')).toBe('x86_64')
  expect(seen('shell')).toBe('0.1.0')
  expect(seen('node')).toBe('22.1.0')
  expect(seen('data-name')).toBe('dev.refit.shell')
  expect(seen('installed')).toBe('1.0.0')
  expect(seen('available')).toBe('not looked for yet')
})

test('each workspace has its version, muted, below its title, and its state', () => {
  open(withB({ ...B, state: 'dead', version: null, detail: 'It exited with code 1.' }))
  const version = place('main').querySelector('h4 + p')
  expect(squeezed(version)).toBe('version 1.0.0')
  expect(version?.className).toContain('quiet')
  expect(place('main').getAttribute('aria-current')).toBe('true')
  expect(seen('workspace-state', place('b'))).toBe('Dead: nothing runs here')
  expect(seen('workspace-detail', place('b'))).toBe('It exited with code 1.')
})

test('an update says what happened in each workspace', async () => {
  open(withB())
  const workspaces = [
    { name: 'main', from: '1.0.0', to: '1.1.0', state: 'running', detail: null },
    { name: 'b', from: '1.0.0', to: null, state: 'dead', detail: 'it exited' },
  ]
  const upgraded = { from: '1.0.0', to: '1.1.0', outcome: 'upgraded', reason: 'Done.', workspaces }
  api.appUpgrade.mockResolvedValue(upgraded)
  button('upgrade').click()
  await vi.waitFor(() => expect(seen('upgraded')).toContain('b is dead: it exited'))
  expect(seen('upgraded')).toContain('main went from version 1.0.0 to version 1.1.0')
  expect(api.appUpgrade).toHaveBeenCalledExactlyOnceWith('main')
  expect(squeezed(document.body)).toContain('Done.')
})

test('progress is shown with its words, also of a rehearsal', () => {
  const progress = { version: '1.1.0', phase: 'downloading' as const, bytes: 1, total: 4 }
  open(withB(B, { progress }))
  expect(seen('progress')).toContain('Downloading version 1.1.0')
  expect(document.querySelector('progress')?.value).toBe(1)
  tell(withB(B, { progress: { ...progress, phase: 'rehearsing' } }))
  expect(seen('progress')).toContain('Rehearsing version 1.1.0')
  expect(document.querySelector('progress')?.hasAttribute('value')).toBe(false)
})

test('where an administrator decides, Update is off and says why, and looking is not', () => {
  open(withB(B, { managed: MANAGED }))
  expect(button('upgrade').disabled).toBe(true)
  const why = button('upgrade').getAttribute('aria-describedby') ?? ''
  expect(document.getElementById(why)?.textContent).toBe('Managed by your administrator')
  expect(button('check').disabled).toBe(false)
  expect(button('restart', place('b')).disabled).toBe(false)
})

test('a workspace is added by a name that is one', async () => {
  open(withB())
  const field = document.querySelector<HTMLInputElement>('input[name=workspace]')
  if (field === null) throw new Error('no field')
  const enter = (name: string): void => {
    field.value = name
    field.dispatchEvent(new Event('input', { bubbles: true }))
    button('add').click()
    flushSync()
  }
  enter('../x')
  expect(seen('add-hint')).toContain('small letters')
  expect(field.getAttribute('aria-invalid')).toBe('true')
  expect(document.activeElement).toBe(field)
  enter('b')
  expect(seen('add-hint')).toContain('already')
  expect(api.workspaceAdd).not.toHaveBeenCalled()
  api.workspaceAdd.mockResolvedValue(aWorkspace({ name: 'c' }))
  enter('c')
  await vi.waitFor(() =>
    expect(squeezed(document.body)).toContain('Workspace c was added, with version 1.0.0.'),
  )
  expect(api.workspaceAdd).toHaveBeenCalledExactlyOnceWith('main', 'c')
  expect(field.value).toBe('')
})

test('a removal asks first; Escape keeps it and gives the focus back', async () => {
  open(withB())
  expect(() => button('remove', place('main'))).toThrow()
  button('remove', place('b')).click()
  await vi.waitFor(() => expect(document.activeElement?.textContent?.trim()).toBe('Cancel'))
  expect(seen('question')).toContain('Its folder stays')
  document.activeElement?.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }))
  await vi.waitFor(() => expect(document.activeElement).toBe(button('remove', place('b'))))
  expect(api.workspaceRemove).not.toHaveBeenCalled()
  button('remove', place('b')).click()
  await vi.waitFor(() => button('confirm-remove'))
  api.workspaceRemove.mockResolvedValue(B)
  button('confirm-remove').click()
  await vi.waitFor(() => expect(document.activeElement?.textContent).toBe('kanban'))
  expect(api.workspaceRemove).toHaveBeenCalledExactlyOnceWith('main', 'b')
})

test('a workspace is restarted and shown by its name, and a refusal is told with its next step', async () => {
  open(withB())
  expect(button('show', place('main')).getAttribute('aria-disabled')).toBe('true')
  api.workspaceShow.mockResolvedValue(null)
  button('show', place('b')).click()
  await vi.waitFor(() => expect(squeezed(place('b'))).toContain('The main window shows workspace b.'))
  expect(api.workspaceShow).toHaveBeenCalledExactlyOnceWith('main', 'b')
  api.workspaceRestart.mockRejectedValue({ kind: 'x', message: 'No.', hint: 'Wait.' })
  button('restart', place('b')).click()
  await vi.waitFor(() => expect(squeezed(place('b'))).toContain('No. Wait.'))
  expect(api.workspaceRestart).toHaveBeenCalledExactlyOnceWith('main', 'b')
})

test('what changes by itself is announced politely, and the first list is not', () => {
  open(withB())
  const region = document.querySelector('[data-refit=announced]')
  expect(region?.getAttribute('aria-live')).toBe('polite')
  expect(squeezed(region)).toBe('')
  tell(withB({ ...B, state: 'dead', version: null, detail: 'it exited' }))
  expect(squeezed(region)).toBe('Workspace b is dead: it exited.')
})

test('several runtimes stand side by side, each with its own workspaces', () => {
  const other = aStatus({
    app: { name: 'notes', package: 'notes-server' },
    workspaces: [aWorkspace({ version: '2.0.0' })],
  })
  open(someApps({ apps: [aStatus({ workspaces: [aWorkspace()] }), other] }))
  const section = document.querySelector('[data-refit=app][data-app=notes]')
  if (section === null) throw new Error('no second runtime')
  expect(squeezed(section)).toContain('notes-server (notes)')
  api.appCheck.mockResolvedValue({ message: 'Nothing newer.', staged: null })
  button('check', section).click()
  expect(api.appCheck).toHaveBeenCalledExactlyOnceWith('notes')
  button('show', section).click()
  expect(api.workspaceShow).toHaveBeenCalledExactlyOnceWith('notes', 'main')
})

test('a pressed button keeps the focus while it works, and asks once', () => {
  open(withB(B))
  api.appCheck.mockReturnValue(new Promise(() => undefined))
  const check = button('check')
  check.focus()
  check.click()
  flushSync()
  expect(check.getAttribute('aria-disabled')).toBe('true')
  expect(document.activeElement).toBe(check)
  check.click()
  expect(api.appCheck).toHaveBeenCalledOnce()
})

test('the start page says why the chosen workspace is not shown, and leads on', async () => {
  page = mount(Start, { target: document.body })
  flushSync()
  api.tellStatus(aStatus())
  const dead = { ...B, state: 'dead' as const, version: null, detail: 'It exited with code 1.' }
  tell({ ...withB(dead), shown: { app: 'main', workspace: 'b' } })
  expect(squeezed(document.activeElement)).toBe('Workspace b is not running')
  expect(seen('workspace-detail')).toBe('It exited with code 1.')
  api.workspaceShow.mockResolvedValue(null)
  button('show-main').click()
  expect(api.workspaceShow).toHaveBeenCalledExactlyOnceWith('main', 'main')
  flushSync()
  await vi.waitFor(() => expect(button('restart').disabled).toBe(false))
  api.workspaceRestart.mockResolvedValue(dead)
  button('restart').click()
  expect(api.workspaceRestart).toHaveBeenCalledExactlyOnceWith('main', 'b')
  await vi.waitFor(() => expect(squeezed(document.body)).toContain('did not start this time'))
})
