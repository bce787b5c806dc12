/** Times are shown as their reader writes them: the tests read them in British English. */
type Write = (this: Date, locale?: string, options?: Intl.DateTimeFormatOptions) => string

for (const name of ['toLocaleString', 'toLocaleTimeString', 'toLocaleDateString'] as const) {
  const original = Date.prototype[name] as Write
  const inEnglish: Write = function (locale, options) {
    return original.call(this, locale ?? 'en-GB', options)
  }
  Object.defineProperty(Date.prototype, name, { value: inEnglish, configurable: true })
}

/** There is no layout here, so nothing ever changes its size. */
class NoResize {
  observe(): void {}
  unobserve(): void {}
  disconnect(): void {}
}
globalThis.ResizeObserver ??= NoResize
