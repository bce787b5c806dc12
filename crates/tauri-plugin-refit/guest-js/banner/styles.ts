/**
 * The banner's looks. `!important` on the host, because a page's own rules for it would win over a
 * plain `:host` rule.
 */
export const STYLES = `
:host {
  all: initial !important;
  position: fixed !important;
  inset: 0 !important;
  z-index: 2147483647 !important;
  pointer-events: none !important;
  display: block !important;
  color-scheme: light dark !important;
}
* { box-sizing: border-box; }
.line {
  position: absolute;
  inset: 0 0 auto 0;
  height: 3px;
  overflow: hidden;
  background: var(--track);
}
.fill {
  height: 100%;
  background: var(--accent);
  transform-origin: 0 50%;
  transition: transform 200ms ease-out;
}
:host, .card, .line {
  --surface: #ffffff;
  --ink: #1b1f24;
  --quiet: #57606a;
  --edge: #8c959f;
  --accent: #0a5cc2;
  --on-accent: #ffffff;
  --track: rgb(27 31 36 / 12%);
}
.card {
  position: absolute;
  inset: auto 16px 16px 16px;
  width: fit-content;
  max-width: min(44rem, calc(100% - 32px));
  margin-inline: auto;
  display: flex;
  flex-wrap: wrap;
  align-items: center;
  gap: 8px 16px;
  padding: 12px 16px;
  border: 1px solid var(--edge);
  border-radius: 10px;
  background: var(--surface);
  color: var(--ink);
  box-shadow: 0 6px 24px rgb(0 0 0 / 24%);
  font: 14px/1.45 system-ui, sans-serif;
  text-align: start;
  pointer-events: auto;
  animation: rise 160ms ease-out;
}
.card:focus { outline: none; }
.card.empty {
  padding: 0;
  border: 0;
  background: none;
  box-shadow: none;
  pointer-events: none;
  animation: none;
}
.words { flex: 1 1 auto; min-width: 12em; }
.empty .words { min-width: 0; }
p { margin: 0; }
.title { font-weight: 600; }
.detail, .notes { color: var(--quiet); overflow-wrap: anywhere; white-space: pre-line; }
.notes { flex: 1 0 100%; max-height: 40vh; overflow: auto; }
.notes[hidden] { display: none; }
.buttons { display: flex; flex-wrap: wrap; gap: 8px; }
.buttons:empty { display: none; }
button {
  font: inherit;
  padding: 5px 12px;
  border: 1px solid var(--edge);
  border-radius: 7px;
  background: transparent;
  color: inherit;
  cursor: pointer;
}
button:hover { background: var(--track); }
button.primary { background: var(--accent); border-color: var(--accent); color: var(--on-accent); font-weight: 600; }
button.primary:hover { filter: brightness(1.1); }
button:focus-visible, .notes:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
@keyframes rise { from { opacity: 0; transform: translateY(8px); } }
@keyframes pass { from { transform: translateX(-100%) scaleX(.4); } to { transform: translateX(250%) scaleX(.4); } }
.fill.unknown { animation: pass 1.4s linear infinite; }
@media (prefers-color-scheme: dark) {
  :host, .card, .line {
    --surface: #22272e;
    --ink: #f0f3f6;
    --quiet: #b3bcc6;
    --edge: #768390;
    --accent: #6cb0ff;
    --on-accent: #0b1a2b;
    --track: rgb(240 243 246 / 16%);
  }
}
@media (prefers-reduced-motion: reduce) {
  .card, .fill, .fill.unknown { animation: none; transition: none; }
  .fill.unknown { opacity: .6; }
}
@media (forced-colors: active) {
  .fill { background: Highlight; }
}
@media print { :host { display: none !important; } }
`
