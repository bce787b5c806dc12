/**
 * Typed functions for pages of an app that uses tauri-plugin-refit.
 *
 * `status`, `check`, `apply`, `retry` and the subscribers work on the runtime's page and on the
 * app's own pages; `rollback`, `history` and `logs` only on the app's own. Every function rejects
 * with a `Problem`.
 */
import { invoke } from '@tauri-apps/api/core'
import { listen } from '@tauri-apps/api/event'
import type {
  Applied,
  CheckReport,
  HistoryEntry,
  RolledBack,
  Status,
  UpdateStaged,
} from './types'
import { toProblem } from './types'

export type * from './types'
export { toProblem } from './types'

/** Ends one subscription, and only that one. Calling it again does nothing. */
export type Detach = () => void

async function ask<T>(command: string, args: Record<string, unknown> = {}): Promise<T> {
  try {
    return await invoke<T>(`plugin:refit|${command}`, args)
  } catch (error) {
    throw toProblem(error)
  }
}

/** The whole status now. */
export function status(): Promise<Status> {
  return ask('status')
}

/** Looks for a newer version now, and stages what it finds. */
export function check(): Promise<CheckReport> {
  return ask('check')
}

/** Restarts the runtime, not the app, into the version that waits. */
export function apply(): Promise<Applied> {
  return ask('apply')
}

/** Tries a version again that failed here; without one, the one that failed last. */
export function retry(version?: string): Promise<Applied> {
  return ask('retry', { version: version ?? null })
}

/** Goes back to a version; without one, to the one before. App pages only. */
export function rollback(version?: string): Promise<Applied> {
  return ask('rollback', { version: version ?? null })
}

/** What happened on this device, oldest first. App pages only. */
export function history(): Promise<HistoryEntry[]> {
  return ask('history')
}

/** The folder with the runtime's output, a file per version. App pages only. */
export function logs(): Promise<string> {
  return ask('logs')
}

async function subscribe<T>(event: string, handler: (payload: T) => void): Promise<Detach> {
  let attached = true
  const unlisten = await listen<T>(event, ({ payload }) => {
    if (attached) handler(payload)
  })
  return () => {
    if (!attached) return
    attached = false
    unlisten()
  }
}

/** Calls `handler` with the status now and with every newer one. */
export async function onStatus(handler: (status: Status) => void): Promise<Detach> {
  let newest = -1
  let attached = true
  const deliver = (next: Status): void => {
    if (!attached || next.seq <= newest) return
    newest = next.seq
    handler(next)
  }
  const detach = await subscribe<Status>('refit://status', deliver)
  try {
    deliver(await status())
  } catch (error) {
    detach()
    throw error
  }
  return () => {
    attached = false
    detach()
  }
}

/** Calls `handler` when a version has been staged and waits for a restart. */
export function onUpdateStaged(handler: (event: UpdateStaged) => void): Promise<Detach> {
  return subscribe('runtime:update-staged', handler)
}

/** Calls `handler` when a version failed, or was rolled back from. */
export function onRolledBack(handler: (event: RolledBack) => void): Promise<Detach> {
  return subscribe('runtime:rolled-back', handler)
}
