/**
 * What the user has put aside. It outlives a reload of the page and ends with the window: "Later"
 * means until the next start, or until something newer comes.
 */
const KEY = 'refit-banner'

interface Kept {
  /** The staged version that was answered with "Later". */
  later?: string
  /** The moment of the fallback that was dismissed. */
  dismissed?: string
  /** The moment of what was passed over, and dismissed. */
  told?: string
  /** The end of validity whose passing was dismissed. */
  stale?: string
}

export class Memory {
  readonly #storage: Storage | null
  #kept: Kept

  constructor(storage: Storage | null) {
    this.#storage = storage
    this.#kept = read(storage)
  }

  /** Memory in the page's session storage, or just in this object where there is none. */
  static ofPage(page: Window): Memory {
    try {
      return new Memory(page.sessionStorage)
    } catch {
      return new Memory(null)
    }
  }

  get kept(): Readonly<Kept> {
    return this.#kept
  }

  keep(news: Kept): void {
    this.#kept = { ...this.#kept, ...news }
    this.#write()
  }

  /** Forgets "Later": the user asked for a version by hand. */
  forgetLater(): void {
    delete this.#kept.later
    this.#write()
  }

  #write(): void {
    try {
      this.#storage?.setItem(KEY, JSON.stringify(this.#kept))
    } catch {
      // A full or forbidden storage costs at most a banner shown once more.
    }
  }
}

function read(storage: Storage | null): Kept {
  try {
    const kept: unknown = JSON.parse(storage?.getItem(KEY) ?? '{}')
    if (typeof kept !== 'object' || kept === null) return {}
    const { later, dismissed, told, stale } = kept as Record<string, unknown>
    return {
      ...(typeof later === 'string' ? { later } : {}),
      ...(typeof dismissed === 'string' ? { dismissed } : {}),
      ...(typeof told === 'string' ? { told } : {}),
      ...(typeof stale === 'string' ? { stale } : {}),
    }
  } catch {
    return {}
  }
}
