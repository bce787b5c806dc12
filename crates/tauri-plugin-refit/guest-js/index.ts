/**
 * Typed functions for pages of an app that uses tauri-plugin-refit.
 *
 * `status`, `check`, `apply`, `retry` and the subscribers but `onApps` work on the runtime's page,
 * where they are about the runtime that serves it, and on the app's own pages, where they are about
 * the main one. All others are for the app's own pages. Every function rejects with a `Problem`.
 */
import { invoke } from '@tauri-apps/api/core'
import { listen } from '@tauri-apps/api/event'
import type {
  Applied,
  Apps,
  CheckReport,
  HistoryEntry,
  RolledBack,
  Status,
  UpdateStaged,
  Upgraded,
  Workspace,
  WorkspaceDead,
  WorkspaceUpgraded,
} from './types'
import { Newest } from './newest'
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

/**
 * Goes back to a version; without one, to the one before. With `withData`, the data folder is put
 * back too, as it was before what is left was first launched. App pages only.
 */
export function rollback(version?: string, withData = false): Promise<Applied> {
  return ask('rollback', { version: version ?? null, withData })
}

/** What happened on this device, oldest first. App pages only. */
export function history(): Promise<HistoryEntry[]> {
  return ask('history')
}

/** The folder with the runtime's output, a file per version. App pages only. */
export function logs(): Promise<string> {
  return ask('logs')
}

/** All runtimes with their workspaces, and what this machine is. App pages only. */
export function apps(): Promise<Apps> {
  return ask('apps')
}

/** Looks for a newer version of one runtime now, and stages what it finds. App pages only. */
export function appCheck(app: string): Promise<CheckReport> {
  return ask('app_check', { app })
}

/**
 * Fetches the newest version of one runtime once, tries it in one workspace, and then restarts the
 * others into it one after another. App pages only.
 */
export function appUpgrade(app: string): Promise<Upgraded> {
  return ask('app_upgrade', { app })
}

/** The workspaces of one runtime, `main` first. App pages only. */
export function workspaces(app: string): Promise<Workspace[]> {
  return ask('workspaces', { app })
}

/** Makes a workspace with a folder of its own, which the app chooses. App pages only. */
export function workspaceAdd(app: string, name: string): Promise<Workspace> {
  return ask('workspace_add', { app, name })
}

/** Stops a workspace and forgets it; its folder stays. App pages only. */
export function workspaceRemove(app: string, name: string): Promise<Workspace> {
  return ask('workspace_remove', { app, name })
}

/** Restarts one workspace, or revives it. App pages only. */
export function workspaceRestart(app: string, name: string): Promise<Workspace> {
  return ask('workspace_restart', { app, name })
}

/** Shows a workspace in the main window. App pages only. */
export function workspaceShow(app: string, name: string): Promise<void> {
  return ask('workspace_show', { app, name })
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

/**
 * Calls `handler` with the status now and with every newer one of the same runtime. An app may keep
 * several runtimes; statuses of all of them are told to every window.
 */
export async function onStatus(handler: (status: Status) => void): Promise<Detach> {
  const newest = new Newest(handler)
  const detach = await subscribe<Status>('refit://status', (next) => newest.hear(next))
  try {
    newest.begin(await status())
  } catch (error) {
    detach()
    throw error
  }
  return () => {
    newest.end()
    detach()
  }
}

/** Calls `handler` with all runtimes now and whenever something changed there. App pages only. */
export async function onApps(handler: (apps: Apps) => void): Promise<Detach> {
  let newest = -1
  let attached = true
  let asking = false
  let again = false
  // What changed is not in the event, which every window hears: one question at a time fetches it.
  const look = async (): Promise<void> => {
    if (asking) {
      again = true
      return
    }
    asking = true
    try {
      do {
        again = false
        const next = await apps()
        if (attached && next.seq > newest) {
          newest = next.seq
          handler(next)
        }
      } while (again && attached)
    } finally {
      asking = false
    }
  }
  const detach = await subscribe<{ seq: number }>('refit://apps', ({ seq }) => {
    // A question that fails is asked anew with the next change.
    if (seq > newest) look().catch(() => undefined)
  })
  try {
    await look()
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

/** Calls `handler` when a workspace runs another version than before. */
export function onUpgraded(handler: (event: WorkspaceUpgraded) => void): Promise<Detach> {
  return subscribe('runtime:upgraded', handler)
}

/** Calls `handler` when nothing runs in a workspace any more. */
export function onWorkspaceDead(handler: (event: WorkspaceDead) => void): Promise<Detach> {
  return subscribe('runtime:workspace-dead', handler)
}
