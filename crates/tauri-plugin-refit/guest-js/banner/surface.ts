/** The banner in the page: one host, one shadow root, drawn from a `View`. */
import { STYLES } from './styles'
import type { Action, Button, Card, Line, View } from './view'

export class Surface {
  readonly #document: Document
  readonly #host: HTMLElement
  readonly #line: HTMLElement
  readonly #fill: HTMLElement
  readonly #card: HTMLElement
  readonly #words: HTMLElement
  readonly #title: HTMLElement
  readonly #detail: HTMLElement
  readonly #buttons: HTMLElement
  readonly #notes: HTMLElement
  #onAction: (action: Action) => void = () => undefined
  #drawn = ''
  #escape: Action | null = null
  #before: HTMLElement | null = null

  constructor(page: Document) {
    this.#document = page
    this.#host = page.createElement('refit-banner')
    const root = this.#host.attachShadow({ mode: 'open' })
    dress(root, page)

    this.#line = this.#make('div', 'line')
    this.#line.setAttribute('role', 'progressbar')
    this.#line.setAttribute('aria-valuemin', '0')
    this.#line.setAttribute('aria-valuemax', '100')
    this.#fill = this.#make('div', 'fill')
    this.#line.append(this.#fill)
    this.#line.hidden = true

    this.#card = this.#make('section', 'card empty')
    this.#card.setAttribute('aria-label', 'App update')
    this.#card.tabIndex = -1
    // A live region is announced only if it was there, empty, before its words came.
    this.#words = this.#make('div', 'words')
    this.#words.setAttribute('role', 'status')
    this.#words.setAttribute('aria-live', 'polite')
    this.#words.setAttribute('aria-atomic', 'true')
    this.#title = this.#make('p', 'title')
    this.#detail = this.#make('p', 'detail')
    this.#words.append(this.#title, this.#detail)
    this.#buttons = this.#make('div', 'buttons')
    this.#notes = this.#make('div', 'notes')
    this.#notes.id = 'notes'
    this.#notes.setAttribute('role', 'region')
    this.#notes.setAttribute('aria-label', "What's new")
    this.#notes.tabIndex = 0
    this.#notes.hidden = true
    this.#card.append(this.#words, this.#buttons, this.#notes)
    this.#card.addEventListener('keydown', (event) => this.#key(event))
    this.#card.addEventListener('focusin', (event) => this.#remember(event))

    root.append(this.#line, this.#card)
  }

  onAction(handler: (action: Action) => void): void {
    this.#onAction = handler
  }

  /** Puts the banner into the page, and back should the page throw its children away. */
  attach(): void {
    const put = (): void => {
      const root = this.#document.documentElement
      if (root !== null && this.#host.parentNode !== root) root.append(this.#host)
    }
    put()
    let pending = false
    const again = (): void => {
      if (pending || this.#host.isConnected) return
      pending = true
      // Not at once: two that put things back at once would never end.
      setTimeout(() => {
        pending = false
        put()
        watch()
      }, 250)
    }
    const observer = new MutationObserver(again)
    const watch = (): void => {
      observer.disconnect()
      observer.observe(this.#document, { childList: true })
      const root = this.#document.documentElement
      if (root !== null) observer.observe(root, { childList: true })
    }
    watch()
  }

  draw({ card, line }: View): void {
    this.#drawLine(line)
    const drawn = JSON.stringify(card)
    if (drawn === this.#drawn) return
    this.#drawn = drawn
    this.#drawCard(card)
  }

  #drawLine(line: Line | null): void {
    this.#line.hidden = line === null
    if (line === null) return
    this.#line.setAttribute('aria-label', line.label)
    this.#fill.classList.toggle('unknown', line.fraction === null)
    if (line.fraction === null) {
      this.#line.removeAttribute('aria-valuenow')
      this.#fill.style.transform = ''
    } else {
      this.#line.setAttribute('aria-valuenow', String(Math.round(line.fraction * 100)))
      this.#fill.style.transform = `scaleX(${line.fraction})`
    }
  }

  #drawCard(card: Card | null): void {
    const root = this.#host.shadowRoot
    const focused = root?.activeElement ?? null
    const action = focused instanceof HTMLElement ? focused.dataset.action : undefined
    // The same news in other words, such as one task less: who reads the notes goes on reading.
    const goesOn = card !== null && card.title === this.#title.textContent
    const open = goesOn && !this.#notes.hidden
    this.#card.classList.toggle('empty', card === null)
    this.#card.dataset.kind = card?.kind ?? 'none'
    this.#title.textContent = card?.title ?? ''
    this.#detail.textContent = card?.detail ?? ''
    this.#detail.hidden = card?.detail == null
    this.#notes.textContent = card?.notes ?? ''
    this.#notes.hidden = !open
    this.#escape = card?.escape ?? null
    this.#buttons.replaceChildren(...(card?.buttons ?? []).map((button) => this.#button(button)))
    if (focused === null || focused === this.#notes) return
    // The focus must not fall through to nowhere when the button under it goes away.
    const same = goesOn && action !== undefined ? this.#buttonOf(action) : null
    if (card === null) this.#before?.focus()
    else (same ?? this.#card).focus()
  }

  #button({ action, label, primary }: Button): HTMLButtonElement {
    const button = this.#make('button', primary === true ? 'primary' : '')
    button.type = 'button'
    button.dataset.action = action
    button.textContent = label
    if (action === 'notes') {
      button.setAttribute('aria-expanded', String(!this.#notes.hidden))
      button.setAttribute('aria-controls', 'notes')
    }
    button.addEventListener('click', () => {
      if (action === 'notes') this.#toggleNotes(button)
      else this.#onAction(action)
    })
    return button
  }

  #buttonOf(action: string): HTMLElement | null {
    return this.#buttons.querySelector<HTMLElement>(`[data-action=${action}]`)
  }

  #toggleNotes(button: HTMLElement): void {
    this.#notes.hidden = !this.#notes.hidden
    button.setAttribute('aria-expanded', String(!this.#notes.hidden))
  }

  #key(event: KeyboardEvent): void {
    // Keys pressed in the banner are the banner's; the page has shortcuts of its own.
    event.stopPropagation()
    if (event.key === 'Escape' && this.#escape !== null) this.#onAction(this.#escape)
  }

  #remember(event: FocusEvent): void {
    const from = event.relatedTarget
    if (from instanceof HTMLElement && from !== this.#host && !this.#card.contains(from)) {
      this.#before = from
    }
  }

  #make<K extends keyof HTMLElementTagNameMap>(tag: K, classes: string): HTMLElementTagNameMap[K] {
    const element = this.#document.createElement(tag)
    if (classes !== '') element.className = classes
    return element
  }
}

/** A constructed style sheet: a page's content security policy has no say in it. */
function dress(root: ShadowRoot, page: Document): void {
  try {
    const sheet = new CSSStyleSheet()
    sheet.replaceSync(STYLES)
    root.adoptedStyleSheets = [sheet]
  } catch {
    // Web views from before 2023 have no constructed style sheets.
    const style = page.createElement('style')
    style.textContent = STYLES
    root.append(style)
  }
}
