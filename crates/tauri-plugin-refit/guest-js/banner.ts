/**
 * The banner that Refit lays over the runtime's page, run as an initialization script of every
 * main frame before any script of the page.
 *
 * It lives in an open shadow root of `<refit-banner>`: the page could tamper with a closed one as
 * well, and tests can look into an open one. It asks for nothing that the page could not ask for
 * itself. `<html data-refit-banner="off">` keeps it away.
 */
import { Bridge } from './banner/bridge'
import { Controller } from './banner/controller'
import { Surface } from './banner/surface'

// What the page may replace later is taken hold of now.
const bridge = Bridge.capture(window)

function start(): void {
  const root = document.documentElement
  if (bridge === null || !(root instanceof HTMLElement)) return
  if (root.dataset.refitBanner === 'off') return
  const controller = new Controller(bridge, new Surface(document))
  void controller.start()
}

if (document.readyState === 'loading') {
  document.addEventListener('DOMContentLoaded', start, { once: true })
} else {
  start()
}
