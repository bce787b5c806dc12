// @vitest-environment jsdom
import { beforeEach, expect, test, vi } from 'vitest'
import type { Applied, Status } from '../types'
import { Controller } from './controller'
import { FELL_BACK, PASSED_OVER, STAGED, aRollout, aStatus } from './fixture'
import { Memory } from './memory'
import { Surface } from './surface'

const applied: Applied = { outcome: 'applied', version: '1.1.0', reason: '' }

class Shell {
  tell: (status: Status) => void = () => undefined
  apply = vi.fn(() => Promise.resolve(applied))
  retry = vi.fn((_version: string) => Promise.resolve(applied))
  constructor(public first: Status) {}
  status = (): Promise<Status> => Promise.resolve(this.first)
  listen = (handler: (status: Status) => void): Promise<void> => {
    this.tell = handler
    return Promise.resolve()
  }
}

async function open(first: Status): Promise<Shell> {
  const shell = new Shell(first)
  await new Controller(shell, new Surface(document), new Memory(null)).start()
  return shell
}

const host = (): HTMLElement | null => document.querySelector('refit-banner')
const inside = <T extends Element = HTMLElement>(selector: string): T | null =>
  host()?.shadowRoot?.querySelector<T>(selector) ?? null
const button = (action: string): HTMLButtonElement => {
  const found = inside<HTMLButtonElement>(`button[data-action=${action}]`)
  if (found === null) throw new Error(`no button ${action}`)
  return found
}
const words = (): string => inside('.words')?.textContent ?? ''

beforeEach(() => {
  document.documentElement.innerHTML = '<head></head><body><input></body>'
})

test('the live region is there, empty, before it has words', async () => {
  const shell = await open(aStatus())
  const region = inside('[role=status]')
  expect(region?.getAttribute('aria-live')).toBe('polite')
  expect(words()).toBe('')
  shell.tell(aStatus({ seq: 2, staged: STAGED }))
  expect(inside('[role=status]')).toBe(region)
  expect(words()).toBe('Version 1.1.0 is ready.')
})

test('an older status never replaces a newer one', async () => {
  const shell = await open(aStatus({ seq: 5, staged: STAGED }))
  shell.tell(aStatus({ seq: 4 }))
  expect(words()).toBe('Version 1.1.0 is ready.')
})

test('"Restart to apply" asks once, however often it is pressed', async () => {
  const shell = await open(aStatus({ staged: STAGED }))
  let done = (_: Applied): void => undefined
  shell.apply.mockReturnValue(new Promise((resolve) => (done = resolve)))
  const restart = button('apply')
  restart.click()
  restart.click()
  expect(shell.apply).toHaveBeenCalledTimes(1)
  expect(words()).toBe('Restarting with version 1.1.0…')
  done(applied)
})

test('a request that fails is told, and can be put away', async () => {
  const shell = await open(aStatus({ staged: STAGED }))
  shell.apply.mockRejectedValue({ kind: 'x', message: 'the disk is full', hint: 'Make room.' })
  button('apply').click()
  await vi.waitFor(() => expect(words()).toBe('The disk is full.Make room.'))
  button('close').click()
  await vi.waitFor(() => expect(words()).toBe('Version 1.1.0 is ready.'))
})

test('"Try again" asks for the version that failed', async () => {
  const shell = await open(aStatus({ fellBack: FELL_BACK }))
  shell.retry.mockResolvedValue({ outcome: 'staged', version: '1.2.0', reason: '' })
  button('retry').click()
  expect(shell.retry).toHaveBeenCalledWith('1.2.0')
  await vi.waitFor(() => expect(words()).toBe('Version 1.2.0 is ready.'))
  button('apply').click()
  expect(shell.apply).toHaveBeenCalledTimes(1)
})

test('Escape in the banner means "Later" and gives the focus back', async () => {
  await open(aStatus({ staged: STAGED }))
  const field = document.querySelector('input') as HTMLInputElement
  field.focus()
  const later = button('later')
  later.focus()
  later.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true, composed: true }))
  await vi.waitFor(() => expect(words()).toBe(''))
  expect(inside('button')).toBeNull()
  expect(document.activeElement).toBe(field)
})

test('the banner never takes the focus by itself', async () => {
  const field = document.querySelector('input') as HTMLInputElement
  field.focus()
  await open(aStatus({ staged: STAGED }))
  expect(document.activeElement).toBe(field)
})

test('"What\'s new" unfolds the notes and says that it did', async () => {
  await open(aStatus({ staged: { ...STAGED, notes: '<b>A clock.</b>' } }))
  expect(inside('.notes')?.hidden).toBe(true)
  button('notes').click()
  expect(inside('.notes')?.hidden).toBe(false)
  expect(inside('.notes')?.textContent).toBe('<b>A clock.</b>')
  expect(button('notes').getAttribute('aria-expanded')).toBe('true')
})

test('the notes can be reached by keyboard and have a name', async () => {
  await open(aStatus({ staged: { ...STAGED, notes: 'A clock.' } }))
  const notes = inside('.notes')
  expect(notes?.tabIndex).toBe(0)
  expect(notes?.getAttribute('role')).toBe('region')
  expect(notes?.getAttribute('aria-label')).toBe("What's new")
  expect(button('notes').getAttribute('aria-controls')).toBe(notes?.id)
})

test('each notice is put away by itself', async () => {
  const rollout = aRollout({ expired: true })
  await open(aStatus({ fellBack: FELL_BACK, passedOver: { ...PASSED_OVER, at: 'later' }, rollout }))
  expect(words()).toContain('stopped before it was ready')
  button('dismiss').click()
  await vi.waitFor(() => expect(words()).toContain('was recalled by its publisher'))
  button('dismiss').click()
  await vi.waitFor(() => expect(words()).toContain('The signed update information expired'))
  button('dismiss').click()
  await vi.waitFor(() => expect(words()).toBe(''))
})

test('progress moves the line and leaves the words alone', async () => {
  const shell = await open(aStatus())
  shell.tell(
    aStatus({ seq: 2, progress: { version: '1.1.0', phase: 'downloading', bytes: 1, total: 4 } }),
  )
  const line = inside('[role=progressbar]')
  expect(line?.hidden).toBe(false)
  expect(line?.getAttribute('aria-valuenow')).toBe('25')
  expect(words()).toBe('')
  shell.tell(aStatus({ seq: 3 }))
  expect(line?.hidden).toBe(true)
})

test('keys pressed in the banner do not reach the page', async () => {
  await open(aStatus({ staged: STAGED }))
  const heard = vi.fn()
  document.addEventListener('keydown', heard)
  button('later').dispatchEvent(
    new KeyboardEvent('keydown', { key: 'a', bubbles: true, composed: true }),
  )
  expect(heard).not.toHaveBeenCalled()
})

test('a page that throws its children away gets the banner back', async () => {
  await open(aStatus({ staged: STAGED }))
  host()?.remove()
  expect(host()).toBeNull()
  await vi.waitFor(() => expect(words()).toBe('Version 1.1.0 is ready.'))
})

test('a page that may not ask has no banner', async () => {
  const shell = new Shell(aStatus())
  shell.status = () => Promise.reject(new Error('not allowed'))
  await new Controller(shell, new Surface(document), new Memory(null)).start()
  expect(host()).toBeNull()
})

test('a task less takes neither the focus nor the open notes away', async () => {
  const busy = (tasks: number) => ({ tasks, since: '2026-06-12T08:00:00Z' })
  const shell = await open(aStatus({ staged: { ...STAGED, notes: 'A clock.' }, busy: busy(3) }))
  expect(button('apply').textContent).toBe('Restart to apply · 3 tasks running')
  button('notes').click()
  button('later').focus()
  shell.tell(
    aStatus({ seq: 2, staged: { ...STAGED, notes: 'A clock.' }, busy: busy(2) }),
  )
  expect(button('apply').textContent).toBe('Restart to apply · 2 tasks running')
  expect(host()?.shadowRoot?.activeElement).toBe(button('later'))
  expect(inside('.notes')?.hidden).toBe(false)
  expect(button('notes').getAttribute('aria-expanded')).toBe('true')
})
