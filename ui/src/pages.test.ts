import type { Status } from 'tauri-plugin-refit-api'
import { flushSync, mount, unmount } from 'svelte'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import {
  FELL_BACK,
  MANAGED,
  PASSED_OVER,
  STAGED,
  aRollout,
  aStatus,
} from '../../crates/tauri-plugin-refit/guest-js/banner/fixture'
import Runtime from './runtime/Runtime.svelte'
import Start from './start/Start.svelte'

const api = vi.hoisted(() => ({
  tell: (_status: unknown): void => undefined,
  detached: 0,
  apply: vi.fn(),
  check: vi.fn(),
  retry: vi.fn(),
  rollback: vi.fn(),
  history: vi.fn(),
  logs: vi.fn(),
}))

vi.mock('tauri-plugin-refit-api', async (original) => ({
  ...(await original<object>()),
  ...api,
  onApps: () => Promise.resolve(() => undefined),
  onStatus: (handler: (status: unknown) => void) => {
    api.tell = handler
    return Promise.resolve(() => {
      api.detached += 1
    })
  },
}))

let page: ReturnType<typeof mount> | null = null

function open(component: typeof Start | typeof Runtime): void {
  page = mount(component, { target: document.body })
  flushSync()
}

function tell(status: Status): void {
  api.tell(status)
  flushSync()
}

const text = (): string => document.body.textContent?.replace(/\s+/g, ' ') ?? ''
const seen = (name: string): string =>
  document.querySelector(`[data-refit=${name}]`)?.textContent?.replace(/\s+/g, ' ').trim() ?? ''
function button(label: string | RegExp): HTMLButtonElement {
  const found = [...document.querySelectorAll('button')].find((it) =>
    (it.textContent ?? '').trim().match(label),
  )
  if (found === undefined) throw new Error(`no button ${label} in ${text()}`)
  return found
}

beforeEach(() => {
  vi.clearAllMocks()
  api.history.mockResolvedValue([])
  api.logs.mockResolvedValue('/data/logs')
})

afterEach(async () => {
  if (page !== null) await unmount(page)
  page = null
  document.body.replaceChildren()
})

test('the start page says what is starting', () => {
  open(Start)
  expect(text()).toContain('Starting…')
  tell(aStatus({ phase: 'starting', running: null }))
  expect(text()).toContain('Starting version 1.0.0…')
})

test('the start page says what went wrong and what to do, and tries again', async () => {
  open(Start)
  const failure = { message: 'node was not found.', hint: 'Install Node.', detail: 'PATH=/bin' }
  tell(aStatus({ phase: 'failed', running: null, failure }))
  expect(seen('failure')).toBe('node was not found.')
  expect(seen('hint')).toBe('Install Node.')
  expect(document.activeElement?.textContent).toBe('The app could not start')
  api.retry.mockResolvedValue({ outcome: 'applied', version: '1.0.0', reason: 'It runs.' })
  button('Try again').click()
  await vi.waitFor(() => expect(text()).toContain('It runs.'))
  expect(api.retry).toHaveBeenCalledWith()
  api.retry.mockRejectedValue({ kind: 'restart', message: 'node was not found.', hint: '' })
  button('Try again').click()
  await vi.waitFor(() => expect(text()).toContain('It did not start this time either.'))
  expect(text().match(/node was not found/g)).toHaveLength(1)
})

test('a development build says that updates are off', () => {
  open(Start)
  tell(aStatus({ updates: 'development-build' }))
  expect(seen('updates')).toContain('development build')
})

test('the runtime page shows all four versions and where the logs are', async () => {
  open(Runtime)
  tell(aStatus({ staged: STAGED, previous: '0.9.0', bundled: { version: '1.0.0', note: 'odd' } }))
  expect(seen('running')).toContain('1.0.0')
  expect(seen('staged')).toContain('1.1.0')
  expect(seen('previous')).toBe('0.9.0')
  expect(seen('bundled')).toContain('odd')
  await vi.waitFor(() => expect(seen('logs')).toBe('/data/logs'))
})

test('the runtime page says when this app has its turn, who is believed, and what is recalled', () => {
  vi.useFakeTimers({ now: new Date('2026-06-12T08:05:00Z') })
  open(Runtime)
  tell(aStatus({ rollout: aRollout({ recalled: ['1.1.5'], trouble: 'No answer.' }) }))
  expect(seen('standing')).toBe('Rolling out: your turn is at 6:40 PM.')
  expect(seen('trust')).toContain('Signed updates, verified 5 minutes ago, valid until Jun 19')
  expect(seen('recalled')).toBe('Version 1.1.5 is recalled')
  expect(seen('trouble')).toBe('No answer.')
  // The page goes on being right while it is open.
  vi.advanceTimersByTime(60_000)
  flushSync()
  expect(seen('trust')).toContain('verified 6 minutes ago')
  vi.useRealTimers()
})

test('the runtime page shows a staged version that is not started, with its reason', () => {
  open(Runtime)
  const blocked = { reason: 'recalled' as const, message: 'x' }
  tell(aStatus({ staged: { ...STAGED, notes: '<b>A clock.</b>', blocked } }))
  expect(seen('staged')).toContain('1.1.0')
  expect(seen('blocked')).toBe('Version 1.1.0 is recalled and is not started.')
  expect(seen('notes')).toBe('<b>A clock.</b>')
  expect(() => button('Restart to apply')).toThrow()
  tell(aStatus({ seq: 2, staged: { ...STAGED, blocked: { reason: 'held', message: 'x' } } }))
  expect(button('Restart to apply').disabled).toBe(false)
})

test('what was taken back is told on the runtime page', () => {
  open(Runtime)
  const message = 'The publisher recalled version 1.0.0. It goes on until the next start.'
  const recalledRunning = { version: '1.0.0', message }
  tell(aStatus({ rollout: aRollout(), recalledRunning, passedOver: PASSED_OVER }))
  expect(seen('recalled-running')).toBe(message)
  expect(seen('passed-over')).toBe(PASSED_OVER.message)
})

test('a trust root that cannot be used is told once', () => {
  open(Runtime)
  const trouble = 'There are no updates: the trust root cannot be used.'
  tell(aStatus({ rollout: aRollout({ trouble }), problems: [trouble, 'Something else.'] }))
  expect(text().match(/no updates/g)).toHaveLength(1)
  expect(text()).toContain('Something else.')
})

test('"Check now" shows what came of it, or its error with the next step', async () => {
  open(Runtime)
  tell(aStatus())
  api.check.mockResolvedValue({ message: 'Nothing newer.', staged: null })
  button('Check now').click()
  await vi.waitFor(() => expect(text()).toContain('Nothing newer.'))
  api.check.mockRejectedValue({ kind: 'network', message: 'No answer.', hint: 'Try later.' })
  button('Check now').click()
  await vi.waitFor(() => expect(text()).toContain('No answer. Try later.'))
})

test('a roll back asks in the page first, and Cancel gives the focus back', async () => {
  open(Runtime)
  tell(aStatus({ staged: STAGED }))
  button('Roll back…').click()
  await vi.waitFor(() => expect(seen('question')).toContain('Go back to version 1.0.0?'))
  await vi.waitFor(() => expect(document.activeElement?.textContent).toBe('Cancel'))
  button('Cancel').click()
  await vi.waitFor(() => expect(document.activeElement?.textContent?.trim()).toBe('Roll back…'))
  expect(api.rollback).not.toHaveBeenCalled()
  button('Roll back…').click()
  await vi.waitFor(() => button('Roll back to 1.0.0'))
  api.rollback.mockResolvedValue({ reason: 'Version 1.0.0 is running.' })
  button('Roll back to 1.0.0').click()
  await vi.waitFor(() => expect(text()).toContain('Version 1.0.0 is running.'))
  expect(api.rollback).toHaveBeenCalledTimes(1)
})

test('the history is newest first, and read again when something happened', async () => {
  open(Runtime)
  const at = '2026-06-12T08:00:00Z'
  api.history.mockResolvedValue([
    { at, event: 'staged', version: '1.2.0' },
    { at, event: 'fell-back', version: '1.1.0', from: '1.2.0', reason: 'exited-before-ready' },
  ])
  tell(aStatus())
  await vi.waitFor(() => expect(seen('history')).toContain('It stopped before it was ready.'))
  const lines = [...document.querySelectorAll('[data-refit=history] li')]
  expect(lines[0]?.textContent).toContain('fell back')
  tell(aStatus({ seq: 2 }))
  expect(api.history).toHaveBeenCalledTimes(1)
  tell(aStatus({ seq: 3, fellBack: FELL_BACK }))
  expect(api.history).toHaveBeenCalledTimes(2)
})

test('a version that failed can be tried again by name', async () => {
  open(Runtime)
  const bad = [{ version: '1.2.0', reason: 'crash-loop', detail: 'x', at: '2026-06-12T08:00:00Z' }]
  tell(aStatus({ bad }))
  expect(seen('bad')).toContain('It kept crashing.')
  api.retry.mockResolvedValue({ reason: 'It waits for a restart.' })
  button('Try again').click()
  await vi.waitFor(() => expect(text()).toContain('It waits for a restart.'))
  expect(api.retry).toHaveBeenCalledWith('1.2.0')
})

test('a page that goes away ends its subscription', async () => {
  const before = api.detached
  open(Runtime)
  await Promise.resolve()
  if (page !== null) await unmount(page)
  page = null
  expect(api.detached).toBe(before + 1)
})

const at = '2026-06-12T08:00:00Z'

test('the runtime page says what a restart waits for, and its latest moment', () => {
  vi.useFakeTimers({ now: new Date('2026-06-12T12:00:00Z') })
  open(Runtime)
  const applying = { mode: 'idle', waitsFor: 'idle', deadline: '2026-06-12T16:40:00Z' } as const
  tell(aStatus({ staged: STAGED, applying, busy: { tasks: 3, since: at } }))
  expect(seen('applying').replace(/\s/g, ' ')).toContain('applies by 6:40 PM at the latest')
  expect(seen('busy')).toContain('3 tasks running')
  expect(button('Restart to apply').disabled).toBe(false)
  vi.useRealTimers()
})

test('the runtime page alone tells of rehearsals, damage and contracts', () => {
  open(Runtime)
  expect(document.querySelector('#upkeep')).toBeNull()
  tell(
    aStatus({
      rehearsals: [
        { version: '1.1.0', outcome: 'passed', detail: 'ok=50/50', at },
        { version: '1.2.0', outcome: 'bad', detail: 'too slow', at },
      ],
      damage: [{ version: '1.0.5', detail: 'dist/cli.js differs', state: 'waiting', at }],
      contract: { version: '1.3.0', message: 'it needs `tray`', healed: null },
    }),
  )
  const lines = [...document.querySelectorAll('[data-refit=rehearsals] li')]
  expect(lines.map((it) => it.getAttribute('data-outcome'))).toEqual(['bad', 'passed'])
  expect(seen('damage')).toContain('dist/cli.js differs')
  expect(seen('contract')).toContain('it needs `tray`')
})

test('a roll back with data asks by itself and says so to the device', async () => {
  open(Runtime)
  const running = { ...aStatus().running, version: '1.1.0', source: 'pointer' } as Status['running']
  tell(aStatus({ running }))
  expect(() => button('Roll back with data')).toThrow()
  const snapshots = [{ version: '1.1.0', of: '1.0.0', at, bytes: 12_000_000 }]
  tell(aStatus({ seq: 2, running, snapshots }))
  expect(seen('snapshots')).toContain('12.0 MB')
  button('Roll back with data').click()
  await vi.waitFor(() => expect(seen('question')).toContain('and to its data of Jun 12'))
  await vi.waitFor(() => expect(document.activeElement?.textContent?.trim()).toBe('Cancel'))
  button('Cancel').click()
  await vi.waitFor(() =>
    expect(document.activeElement?.textContent?.trim()).toBe('Roll back with data…'),
  )
  button('Roll back with data').click()
  await vi.waitFor(() => button('Roll back to 1.0.0 with data'))
  api.rollback.mockResolvedValue({ reason: 'Version 1.0.0 is running.' })
  button('Roll back to 1.0.0 with data').click()
  await vi.waitFor(() => expect(text()).toContain('Version 1.0.0 is running.'))
  expect(api.rollback).toHaveBeenCalledExactlyOnceWith(undefined, true)
})

test('the runtime page says what a fleet orders here', () => {
  open(Runtime)
  tell(aStatus({}))
  expect(document.querySelector('[data-refit=fleet]')).toBeNull()
  const message = 'Fleet kiosks: version 1.4.0 is ordered, and runs.'
  const fleet = {
    name: 'kiosks', device: 'd1', connected: true, trouble: null, state: 'arrived' as const, target: '1.4.0',
    generation: 7, scope: 'global', reason: '', detail: '', unsent: 0, message,
  }
  tell(aStatus({ fleet }))
  expect(seen('fleet')).toBe(message)
})

test('where an administrator decides, all may look, and nobody is let change versions', () => {
  open(Runtime)
  const bad = [{ version: '1.2.0', reason: 'crash-loop', detail: 'x', at }]
  const snapshots = [{ version: '1.1.0', of: '1.0.0', at, bytes: 1 }]
  tell(aStatus({ staged: STAGED, bad, snapshots, updates: 'managed', managed: MANAGED }))
  for (const label of [/^Roll back…$/, /^Roll back with data…$/, /^Try again$/]) {
    const found = button(label)
    expect(found.disabled, String(label)).toBe(true)
    const why = found.getAttribute('aria-describedby') ?? ''
    expect(document.getElementById(why)?.textContent).toBe('Managed by your administrator')
  }
  expect(seen('managed')).toContain('/etc/dev.refit.shell/policy.json')
  expect(button('Check now').disabled).toBe(false)
  expect(button('Restart to apply').disabled).toBe(false)
})
